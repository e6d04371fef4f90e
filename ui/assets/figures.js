/* Puts a chart into the page in place of its image, so that it has the page's colours and its points can be read: under
   the pointer, or with the arrow keys. An SVG comes from this server alone, and of it only what is drawing is kept.

   .drawing[data-svg]  holds the image, then the drawing; data-label is what a screen reader says of it
   .point              what the point at hand says; in the drawing each is a group with a <title> */
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const OWN = /^\/v1(\/[\w-][\w.-]*)+(\?[\w=&.-]*)?$/;
  const ELEMENTS = new Set(
    "svg g defs clipPath path rect circle ellipse line polyline polygon use text tspan title desc".split(" "),
  );
  const ATTRIBUTES = new Set(
    ("id class viewBox width height x y x1 y1 x2 y2 cx cy r rx ry d points transform clip-path clip-rule fill " +
      "fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-dasharray opacity " +
      "style text-anchor font-size font-family font-weight role aria-label").split(" "),
  );
  // A drawing's letters shrink with it, so a narrow place asks for a narrow one.
  const PIXELS_PER_INCH = 92;
  const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

  // A reference may lead to a part of the same drawing, and nothing may load or run.
  function isHarmless(name, value) {
    if (name === "href" || name === "xlink:href") return /^#[\w.-]+$/.test(value);
    if (!ATTRIBUTES.has(name)) return false;
    const without = value.replace(/url\(\s*["']?#[\w.-]+["']?\s*\)/g, "");
    return !/url\(|image\(|image-set\(|javascript:|expression\(|@|\\/i.test(without);
  }

  function cleaned(given) {
    const made = document.createElementNS(SVG, given.localName);
    for (const { name, value } of given.attributes) {
      if (!isHarmless(name, value)) continue;
      made.setAttribute(name === "xlink:href" ? "href" : name, value);
    }
    for (const child of given.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) made.append(child.data);
      else if (child.namespaceURI === SVG && ELEMENTS.has(child.localName)) made.append(cleaned(child));
    }
    return made;
  }

  async function fetched(path) {
    if (!OWN.test(path)) return null;
    const answer = await fetch(path, { credentials: "same-origin", redirect: "error" }).catch(() => null);
    if (!answer?.ok) return null;
    const read = new DOMParser().parseFromString(await answer.text(), "image/svg+xml").documentElement;
    return read.namespaceURI === SVG && read.localName === "svg" ? cleaned(read) : null;
  }

  const narrow = (place) => (place.clientWidth < 544 ? `?width=${(place.clientWidth / PIXELS_PER_INCH).toFixed(1)}` : "");

  async function draw(place) {
    const image = place.firstElementChild;
    // Taken out, so that it is not loaded for nothing.
    image.remove();
    place.classList.add("waiting");
    const svg = await fetched(place.dataset.svg + narrow(place));
    place.classList.remove("waiting");
    if (!svg) {
      place.append(image);
      return;
    }
    place.append(svg);
    // The page says it below the drawing; a tooltip besides would cover the points.
    for (const title of svg.querySelectorAll("g > title")) {
      title.parentElement.dataset.point = title.textContent;
      title.remove();
    }
    place.tabIndex = 0;
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", place.dataset.label);
  }

  function show(place, point) {
    for (const shown of place.querySelectorAll(".shown")) shown.classList.remove("shown");
    point?.classList.add("shown");
    place.parentElement.querySelector(".point").textContent = point?.dataset.point ?? "";
  }

  // Each says its day first, so that the order of their words is that of time.
  function step(place, by) {
    const points = [...place.querySelectorAll("[data-point]")];
    points.sort((a, b) => (a.dataset.point < b.dataset.point ? -1 : 1));
    const at = points.findIndex((point) => point.classList.contains("shown"));
    const next = at < 0 ? (by > 0 ? 0 : points.length - 1) : Math.min(points.length - 1, Math.max(0, at + by));
    show(place, points[next]);
    points[next]?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  const placeOf = (target) => target.closest?.("#thread .drawing");

  document.addEventListener("switchboard:update", () => {
    for (const place of document.querySelectorAll("#thread .drawing[data-svg]:not([data-drawn])")) {
      place.dataset.drawn = "";
      draw(place);
    }
  });

  document.addEventListener("pointerover", (event) => {
    const point = event.target.closest?.("#thread .drawing [data-point]");
    if (point) show(placeOf(point), point);
  });

  document.addEventListener("keydown", (event) => {
    const place = placeOf(event.target);
    if (!place || !(event.key in STEPS || event.key === "Escape")) return;
    event.preventDefault();
    event.key === "Escape" ? show(place, null) : step(place, STEPS[event.key]);
  });
})();
