/* Adds to the fold "why this answer", when it is opened for the first time, what is computed only then: the words that
   weighed most and the nearest training examples, from GET /v1/messages/{message_id}/why. */
"use strict";
(() => {
  const MOST_WORDS = 3;
  const MOST_EXAMPLES = 3;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let words = {};

  function element(name, className, text = "") {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.textContent = text;
    return made;
  }

  function bar(name, share) {
    const within = Math.min(1, Math.max(0, share));
    const filled = element("i");
    filled.style.width = `${100 * within}%`;
    const track = element("span", "track");
    track.setAttribute("aria-hidden", "true");
    track.append(filled);
    const made = element("span", "bar");
    made.append(element("span", "name", name), track, element("span", "figure", `${Math.round(100 * share)}%`));
    return made;
  }

  function row(label, bars) {
    const value = element("dd");
    value.append(...bars);
    const made = element("div");
    made.append(element("dt", "", label), value);
    return made;
  }

  async function load(fold) {
    const panel = fold.querySelector(".panel");
    const message = fold.closest(".bot-message").dataset.messageId;
    const answer = await fetch(`/v1/messages/${encodeURIComponent(message)}/why`).catch(() => null);
    if (!answer?.ok) {
      delete fold.dataset.loaded; // opening it again asks again
      return;
    }
    const why = await answer.json();
    const rows = [];
    const weighed = (why.words ?? []).filter((word) => word.weight > 0).slice(0, MOST_WORDS);
    if (weighed.length) rows.push(row(words.why_words, weighed.map((word) => bar(word.text, word.weight))));
    const nearest = (why.nearest ?? []).slice(0, MOST_EXAMPLES);
    if (nearest.length) rows.push(row(words.why_nearest, nearest.map((example) => bar(example.text, example.cosine))));
    if (rows.length && !panel.querySelector("dl")) panel.querySelector(".plainly").after(element("dl"));
    if (rows.length) panel.querySelector("dl").append(...rows);
    if (why.note) panel.querySelector(".fine").append(Object.assign(element("span", "", why.note), { lang: "en" }));
    fold.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("switchboard:update", (event) => {
    words = event.detail.words;
  });

  // "toggle" does not bubble.
  document.addEventListener(
    "toggle",
    (event) => {
      const fold = event.target;
      if (!fold.open || !fold.matches("#thread .why")) return;
      // What it shows must not open behind the message box.
      fold.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
      if (fold.dataset.loaded) return;
      fold.dataset.loaded = "yes";
      load(fold);
    },
    true,
  );
})();
