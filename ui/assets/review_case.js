/* What the tab Review shows of one entry, made of what the server says; it asks nothing and decides nothing.

   An entry's ``kind`` is the section that it stands in: queue, wishes, labels or disputed. */
"use strict";
const ReviewCase = (() => {
  const { $, words, h, cleaned, moment } = Console;
  let titles = new Map(); // of the app's intents, by name

  // Words

  const said = (template, values) => template.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const titleOf = (name) => titles.get(name) ?? name;
  const percent = (share) => Math.round(100 * share);

  function sayOf(review) {
    const parts = [];
    if (review.verdict === "out_of_scope") parts.push(words.said_out_of_scope);
    else if (review.verdict === "skipped") parts.push(words.said_skipped);
    else if (review.intent) parts.push(titleOf(review.intent));
    if (review.sentiment) parts.push(words[review.sentiment]);
    if (review.document) parts.push(review.document);
    if (review.wrong_document) parts.push(said(words.said_wrong, { document: review.wrong_document }));
    return parts.join(", ");
  }

  /* The intents of the app that is looked at: [{name, title}]. */
  function name(intents) {
    titles = new Map(intents.map((intent) => [intent.name, intent.title]));
  }

  // What can be decided

  const outside = (entry) => entry.out_of_scope >= entry.out_of_scope_threshold;

  /* What the number keys decide: at most three. */
  function choices(entry) {
    if (entry.kind === "queue") return entry.intents.slice(0, 3).map((one, at) => ({ intent: one.name, share: one.confidence, verdict: at === 0 && !outside(entry) ? "confirmed" : "corrected" }));
    if (entry.kind === "labels") {
      const times = said(words.times_as_likely, { times: Math.round(entry.times) });
      return [
        { intent: entry.label, verdict: "confirmed", detail: words.as_label },
        { intent: entry.better, verdict: "corrected", detail: `${words.as_better}, ${times}` },
      ];
    }
    if (entry.kind === "disputed") return [...new Set(entry.reviews.map((review) => review.intent).filter(Boolean))].slice(0, 3).map((intent) => ({ intent, verdict: "corrected" }));
    return [];
  }

  /* What Enter decides; null if there is nothing to confirm. */
  function confirmed(entry) {
    if (entry.kind === "queue" && outside(entry)) return { verdict: "out_of_scope" };
    const first = choices(entry)[0];
    return first && entry.kind !== "disputed" ? { verdict: first.verdict, intent: first.intent } : null;
  }

  function bar(share) {
    const filled = h("i", {});
    filled.style.width = `${percent(share)}%`;
    return h("span.bar", { "aria-hidden": "true" }, filled);
  }

  function choiceButton(choice, at, act) {
    const detail = choice.share === undefined ? choice.detail : said(words.guess, { confidence: percent(choice.share) });
    return h(
      "button.choice",
      { type: "button", onclick: act },
      h("kbd", {}, at + 1),
      h("span", {}, h("strong", {}, titleOf(choice.intent)), h("span.quiet", {}, detail ?? ""), choice.share === undefined ? null : bar(choice.share)),
    );
  }

  /* Its line in the list. */
  function row(entry, act) {
    const badges = [];
    if (entry.feedback?.includes("down")) badges.push(h("span.badge.warn", {}, words.feedback_down));
    if (entry.count > 1) badges.push(h("span.badge", {}, said(entry.kind === "wishes" ? words.messages_count : words.times_said, entry)));
    const below = {
      queue: () => (outside(entry) ? words.out_of_scope : entry.intents.length > 0 ? titleOf(entry.intents[0].name) : ""),
      wishes: () => entry.typical[1] ?? "",
      labels: () => `${titleOf(entry.label)} → ${titleOf(entry.better)}`,
      disputed: () => entry.reviews.map((review) => `${review.reviewer}: ${sayOf(review)}`).join(" · "),
    }[entry.kind]();
    return h(
      "li",
      {},
      h(
        "button.row",
        { type: "button", "aria-current": entry.open ? "true" : null, onclick: act },
        h("span.beginning", {}, entry.text ?? entry.typical[0]),
        h("span.below", {}, h("span", {}, below), ...badges),
      ),
    );
  }

  /* One of the day's decisions. */
  function done(review) {
    return h("li", {}, h("span", {}, review.text), h("span.quiet", {}, `${review.reviewer}: ${sayOf(review)}, `, moment(review.created_at)));
  }

  // What is known of a message

  function conversation(told) {
    const line = (one) => {
      const by = { user: words.customer, bot: words.bot }[one.by] ?? one.by;
      return h(`li.by-${one.kind}${one.reviewed ? ".reviewed" : ""}`, {}, h("p.by", {}, h("strong", {}, by), moment(one.created_at)), h("div.words", {}, one.html === null ? one.text : cleaned(one.html)));
    };
    const source = (one) => h("li", {}, h("a", { href: one.url, target: "_blank", rel: "noopener" }, one.title), h("span.quiet", {}, ` “${one.sentence}”`));
    const sources = told.citations.length > 0 ? [h("h3.label", {}, words.sources), h("ul.sources", {}, told.citations.map(source))] : [];
    return [h("h3.label", {}, words.conversation), h("ol.transcript", {}, told.messages.map(line)), ...sources];
  }

  /* Why the reply was given: all that the model read, and what was decided on it. */
  function reading(told) {
    const { why, route } = told;
    const guess = (one) => h("li", {}, h("span", {}, titleOf(one.name)), bar(one.confidence), h("span.quiet", {}, said(words.guess, { confidence: percent(one.confidence) })));
    const score = why.out_of_scope;
    const [mood] = Object.entries(why.sentiment).sort((a, b) => b[1] - a[1]);
    const facts = [
      [words.decided, h("span", { lang: "en" }, route.reason)],
      mood ? [words.mood, `${words[mood[0]]} ${said(words.guess, { confidence: percent(mood[1]) })}`] : null,
      [words.out_of_scope, said(words.out_of_scope_score, { score: score.score.toFixed(2), threshold: score.threshold.toFixed(2) })],
      [words.version, told.model_version],
    ];
    return [
      h("h3.label", {}, words.understood),
      h("ul.guesses", {}, why.intents.map(guess)),
      h("dl", {}, facts.filter(Boolean).flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)])),
    ];
  }

  function judged(feedback) {
    const piece = ({ kind, value, reason, comment }) => {
      const what = said(words[`feedback_${kind}`], { value: kind === "intent" ? titleOf(value) : (words[value] ?? value) });
      const why = [reason ? (words[`reason_${reason}`] ?? reason) : "", comment].filter(Boolean).join(": ");
      return h("li", {}, h(`span.badge${{ up: ".good", down: ".warn", wrong_passage: ".warn" }[kind] ?? ""}`, {}, what), why ? ` ${why}` : null);
    };
    const list = feedback.length > 0 ? h("ul.judged", {}, feedback.map(piece)) : h("p.quiet", {}, words.no_feedback);
    return [h("h3.label", {}, words.feedback), list];
  }

  function earlier(reviews) {
    if (reviews.length === 0) return [];
    const line = (review) => h("li", {}, h("strong", {}, review.reviewer), ` ${sayOf(review)} `, h("span.quiet", {}, moment(review.created_at)));
    return [h("h3.label", {}, words.earlier), h("ul.judged", {}, reviews.map(line))];
  }

  // Dialogs

  /* Ask for a new intent's name, title and reply. ``make`` gets them, and gives what is wrong or an empty text. */
  function askIntent(make) {
    const field = (name, hint) => {
      const box = h("input.field", { id: `new-${name}`, name, required: true, autocomplete: "off", "aria-describedby": hint ? `hint-${name}` : null });
      return [h("label", { for: `new-${name}` }, words[`intent_${name}`]), box, hint ? h("p.quiet", { id: `hint-${name}` }, hint) : null];
    };
    const refusal = h("p.refusal", { role: "alert" });
    const form = h(
      "form",
      {},
      h("h2", { id: "new-title-of-dialog" }, words.new_intent),
      field("name", words.intent_name_means),
      field("title"),
      h("label", { for: "new-reply" }, words.intent_reply),
      h("textarea.field", { id: "new-reply", name: "reply", rows: "3", required: true }),
      h("p.quiet", {}, words.intent_examples),
      refusal,
      h("div.buttons", {}, h("button.secondary", { type: "button", onclick: () => dialog.close() }, words.cancel), h("button.primary", { type: "submit" }, words.make)),
    );
    const dialog = h("dialog.sheet", { "aria-labelledby": "new-title-of-dialog" }, form);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      refusal.textContent = await make(Object.fromEntries(new FormData(form)));
      if (!refusal.textContent) dialog.close();
    });
    shown(dialog);
  }

  function showKeys() {
    const lines = [
      ["⏎", words.key_confirm],
      ["1 2 3", words.key_guess],
      ["/", words.other_intent],
      ["o", words.out_of_scope],
      ["p", words.passage],
      ["w", words.wrong_passage],
      ["s", words.sentiment],
      ["n", words.new_intent],
      ["j", words.skip],
      ["u", words.undo],
      ["↑ ↓", words.key_next],
    ];
    const dialog = h(
      "dialog.sheet",
      { "aria-labelledby": "help-title" },
      h("h2", { id: "help-title" }, words.help),
      h("dl.keys", {}, lines.flatMap(([key, what]) => [h("dt", {}, key.split(" ").map((one) => h("kbd", {}, one))), h("dd", {}, what)])),
      h("div.buttons", {}, h("button.secondary", { type: "button", onclick: () => dialog.close() }, words.close)),
    );
    shown(dialog);
  }

  function shown(dialog) {
    dialog.addEventListener("close", () => dialog.remove());
    $("#shell").append(dialog);
    dialog.showModal();
  }

  return { said, titleOf, name, row, done, choices, confirmed, choiceButton, conversation, reading, judged, earlier, askIntent, showKeys };
})();
