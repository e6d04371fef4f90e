/* A picture of the server's (see apps/finance/charts.py) that is read by pointer and by keyboard: each part with
   data-at is a period of data-name, and may be chosen. */
"use strict";
const Plot = (() => {
  const { h } = Console;

  /* ``parts``: [{at, name, title, lines}] in the order of the arrow keys; of a ``heat`` map ``row`` of them side by side,
     while another picture is of one name alone. ``pick(part)`` is called for one that is chosen. Returns the element. */
  function plot({ svg, label, parts, row, pick, heat }) {
    const key = (at, name) => (heat ? `${at} ${name}` : at);
    const picture = document.importNode(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement, true);
    picture.removeAttribute("role");
    picture.setAttribute("aria-hidden", "true");
    // The page's own tip takes the place of the browser's.
    for (const title of picture.querySelectorAll("[data-at] > title")) title.remove();
    // So does its own heading.
    if (!heat) [...picture.querySelectorAll("text")].find((text) => text.textContent === parts[0].title)?.remove();
    const drawn = new Map([...picture.querySelectorAll("[data-at]")].map((one) => [key(one.dataset.at, one.dataset.name), one]));
    const tip = h("div.tip", { hidden: true });
    const told = (part) => [part.title, ...part.lines].join(", ");
    let at = parts.length - 1;
    const element = h(
      `div.plot${heat ? ".heat" : ""}`,
      {
        role: "slider",
        tabindex: "0",
        "aria-label": label,
        "aria-valuemin": 0,
        "aria-valuemax": parts.length - 1,
        "aria-valuenow": at,
        "aria-valuetext": told(parts[at]),
      },
      picture,
      tip,
    );

    function leave() {
      tip.hidden = true;
      element.querySelector(".at")?.classList.remove("at");
    }

    function place(index) {
      leave();
      at = Math.max(0, Math.min(parts.length - 1, index));
      const part = parts[at];
      element.setAttribute("aria-valuenow", at);
      element.setAttribute("aria-valuetext", told(part));
      tip.replaceChildren(h("strong", {}, part.title), ...part.lines.map((line) => h("span", {}, line)));
      tip.hidden = false;
      const shape = drawn.get(key(part.at, part.name));
      if (!shape) return;
      shape.classList.add("at");
      const [own, all] = [shape.getBoundingClientRect(), element.getBoundingClientRect()];
      const right = own.right - all.left + 6;
      const left = right + tip.offsetWidth > all.width ? own.left - all.left - tip.offsetWidth - 6 : right;
      tip.style.left = `${Math.max(0, Math.min(all.width - tip.offsetWidth, left))}px`;
      tip.style.top = heat ? `${Math.max(0, own.top - all.top)}px` : "";
    }

    const under = (event) => {
      const shape = event.target.closest("[data-at]");
      return shape ? parts.findIndex((part) => key(part.at, part.name) === key(shape.dataset.at, shape.dataset.name)) : -1;
    };
    element.addEventListener("pointermove", (event) => (under(event) < 0 ? leave() : place(under(event))));
    element.addEventListener("pointerleave", () => element.matches(":focus-visible") || leave());
    element.addEventListener("click", (event) => under(event) < 0 || pick(parts[under(event)], element));
    element.addEventListener("focus", () => element.matches(":focus-visible") && place(at));
    element.addEventListener("blur", leave);
    element.addEventListener("keydown", (event) => {
      const up = heat ? row : 1;
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - up, ArrowDown: at + up, Home: 0, End: parts.length - 1 }[event.key];
      if (to !== undefined) place(to < 0 || to >= parts.length ? at : to);
      else if (event.key === "Enter" || event.key === " ") pick(parts[at], element);
      else if (event.key === "Escape") leave();
      else return;
      event.preventDefault();
    });
    return element;
  }

  return { plot };
})();
