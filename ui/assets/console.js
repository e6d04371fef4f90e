/* What all tabs of the console share. A tab's script draws into #main and uses ``Console``; it writes no HTML of its own
   out of text, so that nothing a customer writes can become a part of the page.

   <body data-facts>   JSON: words, user {name, role}, apps [{name, title}] (see ui/console/shell.py) */
"use strict";
const Console = (() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const { words, user, apps } = JSON.parse(document.body.dataset.facts);
  const TOLD_MS = 6000;
  const CLOCK = { hour: "2-digit", minute: "2-digit", hour12: false };
  // Whether the person did something since the last request: a page that only asks by itself keeps no session alive.
  let active = true;

  class Problem extends Error {
    constructor(status, { code, message, remedy }, seconds) {
      const known = words[`problem_${code}`]?.replace("{seconds}", seconds);
      super(known ?? `${message} ${remedy}`);
      Object.assign(this, { status, code });
    }
  }

  /* Ask the server: the JSON of /console/api/<path>, null for an empty answer. ``byItself``: no person asked for it.
     Throws a Problem, whose message can be shown; a session that has ended leads to the sign-in page. */
  async function api(path, { method = "GET", body, byItself = false } = {}) {
    const headers = { "X-Switchboard": byItself && !active ? "poll" : "console" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    active = false;
    const response = await fetch(`/console/api/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (response.ok) return response.status === 204 ? null : response.json();
    if (response.status === 401 && user) location.reload();
    const { error } = await response.json();
    throw new Problem(response.status, error, response.headers.get("Retry-After"));
  }

  /* An element: h("button.primary", { type: "button", onclick: act }, "Take over"). Attributes that are null or false
     are left out; children are elements, texts, or null for none. */
  function h(what, attributes = {}, ...children) {
    const [tag, ...classes] = what.split(".");
    const element = document.createElement(tag);
    if (classes.length > 0) element.className = classes.join(" ");
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return element;
  }

  /* HTML that the server has cleaned (see ui/markup.py), as nodes. */
  function cleaned(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content;
  }

  /* Put ``make(item)`` for each item into ``list``; an element whose item has not changed stays, with its focus.
     ``key(item)`` tells items apart. */
  function fill(list, items, key, make) {
    const there = new Map([...list.children].map((element) => [element.dataset.key, element]));
    const wanted = items.map((item) => {
      const state = JSON.stringify(item);
      const old = there.get(String(key(item)));
      if (old?.dataset.state === state) return old;
      const made = make(item);
      made.dataset.key = key(item);
      made.dataset.state = state;
      return made;
    });
    if (wanted.length === list.children.length && wanted.every((element, at) => element === list.children[at])) return;
    const focused = document.activeElement.closest?.("[data-key]")?.dataset.key;
    const within = list.contains(document.activeElement);
    list.replaceChildren(...wanted);
    if (within && focused !== undefined) {
      const again = wanted.find((element) => element.dataset.key === focused);
      (again?.matches("button, a") ? again : again?.querySelector("button, a"))?.focus();
    }
  }

  /* Call ``work`` now and then every ``ms``, more seldom while the page is hidden; one call at a time. A failure is told
     and tried again. Returns a function that calls it once more as soon as a call under way is over. */
  function every(ms, work) {
    let timer = 0;
    let running = null;
    let lost = false;
    async function once() {
      clearTimeout(timer);
      try {
        await work();
        if (lost) tell("");
        lost = false;
      } catch (error) {
        lost = true;
        tell(error instanceof Problem ? error.message : words.lost);
      }
      running = null;
      timer = setTimeout(now, document.hidden ? 4 * ms : ms);
    }
    const now = () => (running ??= once());
    document.addEventListener("visibilitychange", () => document.hidden || now());
    now();
    return async () => {
      await running;
      return now();
    };
  }

  /* Say something to the person, also by screen reader; it goes away by itself. */
  let silence = 0;
  function tell(text) {
    $("#told").textContent = text;
    clearTimeout(silence);
    if (text) silence = setTimeout(() => ($("#told").textContent = ""), TOLD_MS);
  }

  /* Do what a person asked for; a refusal is told. True if it went through. */
  async function attempt(work) {
    try {
      await work();
      return true;
    } catch (error) {
      tell(error instanceof Problem ? error.message : words.lost);
      return false;
    }
  }

  /* Single keys as shortcuts: keys({ j: next }). They rest while something is typed or a modifier is held, and a button
     that has the focus keeps the keys that press it. */
  function keys(acts) {
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
      if (event.target.closest("input, textarea, select, dialog")) return;
      if ([" ", "Enter"].includes(event.key) && event.target.closest("button, a, summary")) return;
      const act = acts[event.key];
      if (!act) return;
      event.preventDefault();
      act(event);
    });
  }

  /* Let the person pick one of ``options`` {title, detail, badge}, by typing, by arrows, or by a number while nothing is
     typed: the option, or null. ``search(text)`` asks the server for others; without it the text is looked for in
     titles and details. */
  function pick(title, options, search) {
    let shown = options;
    let at = 0;
    let chosen = null;
    const list = h("ul", { id: "pick-list", role: "listbox", "aria-label": title });
    const none = h("p.quiet", {}, words.nothing_found);
    const box = h("input.field", { role: "combobox", "aria-expanded": "true", "aria-controls": "pick-list", "aria-label": words.search, placeholder: words.search, autocomplete: "off", spellcheck: "false" });
    const dialog = h("dialog.picker", { "aria-labelledby": "pick-title" }, h("h2", { id: "pick-title" }, title), box, list, none);
    function choose(option) {
      chosen = option;
      dialog.close();
    }
    function draw() {
      at = Math.max(0, Math.min(at, shown.length - 1));
      const option = (one, place) =>
        h(
          "li",
          { id: `pick-${place}`, role: "option", "aria-selected": String(place === at), onclick: () => choose(one) },
          place < 9 && !box.value ? h("kbd", {}, place + 1) : null,
          h("span", {}, h("strong", {}, one.title), one.badge ? h("span.badge", {}, one.badge) : null, h("span.quiet", {}, one.detail)),
        );
      list.replaceChildren(...shown.map(option));
      none.hidden = shown.length > 0;
      if (shown.length > 0) box.setAttribute("aria-activedescendant", `pick-${at}`);
      else box.removeAttribute("aria-activedescendant");
      list.children[at]?.scrollIntoView({ block: "nearest" });
    }
    async function look() {
      const text = box.value.trim();
      at = 0;
      if (!text) shown = options;
      else if (search) {
        await attempt(async () => {
          const found = await search(text);
          // The person may have typed on meanwhile.
          if (text === box.value.trim()) shown = found;
        });
      } else {
        const parts = text.toLowerCase().split(/\s+/);
        shown = options.filter((one) => parts.every((part) => `${one.title} ${one.detail}`.toLowerCase().includes(part)));
      }
      draw();
    }
    box.addEventListener("input", look);
    dialog.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const number = box.value ? NaN : Number.parseInt(event.key, 10);
      if (step) at += step;
      else if (event.key === "Enter" && shown[at]) choose(shown[at]);
      else if (shown[number - 1]) choose(shown[number - 1]);
      else return;
      event.preventDefault();
      draw();
    });
    draw();
    $("#shell").append(dialog);
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => {
        dialog.remove();
        resolve(chosen);
      });
    });
  }

  /* How long ago, in the person's language: "3 min". */
  function since(iso) {
    const seconds = Math.max(0, (Date.now() - Date.parse(iso)) / 1000);
    const steps = [
      [86400, "day"],
      [3600, "hour"],
      [60, "minute"],
      [1, "second"],
    ];
    const [size, unit] = steps.find(([size]) => seconds >= size) ?? [1, "second"];
    const style = { style: "unit", unit, unitDisplay: "short" };
    return new Intl.NumberFormat(words.tag, style).format(Math.floor(seconds / size));
  }

  /* A time of day, with the day if that is not today. */
  function moment(iso) {
    const date = new Date(iso);
    const today = date.toDateString() === new Date().toDateString();
    const day = today ? {} : { day: "numeric", month: "short" };
    const text = new Intl.DateTimeFormat(words.tag, { ...day, ...CLOCK }).format(date);
    return h("time", { datetime: iso }, text);
  }

  /* A count beside a tab's title, and in the window's. */
  function count(tab, number) {
    const place = $(`#bar [data-tab="${tab}"] .count`);
    place.textContent = number;
    place.hidden = number === 0;
    document.title = document.title.replace(/^(\(\d+\) )?/, number > 0 ? `(${number}) ` : "");
  }

  // The frame

  async function signOut() {
    if (await attempt(() => api("sign-out", { method: "POST" }))) location.assign("/console");
  }

  document.addEventListener("click", (event) => {
    const account = $("#bar .account[open]");
    if (account && !account.contains(event.target)) account.open = false;
    if (event.target.closest(".sign-out")) signOut();
  });
  document.addEventListener("keydown", (event) => {
    const account = $("#bar .account[open]");
    if (event.key !== "Escape" || !account) return;
    account.open = false;
    $("summary", account).focus();
  });
  for (const kind of ["pointerdown", "pointermove", "keydown"]) {
    document.addEventListener(kind, () => (active = true), { passive: true });
  }

  return { $, words, user, apps, Problem, api, h, cleaned, fill, every, tell, attempt, keys, pick, since, moment, count };
})();
