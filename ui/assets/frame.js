/* What surrounds the conversation: the list of conversations as a drawer on a phone, deletion, the choice of app,
   times in the reader's own words, and the quiet line while a model trains.

   Reads the page that ui/frame.py writes; acts through chat.js by the event "switchboard:signal". */
"use strict";
(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const narrow = matchMedia("(max-width: 56rem)");
  const root = document.documentElement;
  const POLL_MS = 5000;
  let words = {};

  const signal = (event, content) =>
    document.dispatchEvent(new CustomEvent("switchboard:signal", { detail: { event, content } }));

  // The drawer: on a wide page the list is simply there.

  function drawer(open) {
    if (open === (root.dataset.side === "open")) return;
    if (open) root.dataset.side = "open";
    else delete root.dataset.side;
    for (const rest of document.querySelectorAll("#header, #scroll, #composer, #hint")) rest.inert = open;
    $(".menu").setAttribute("aria-expanded", String(open));
    $(open ? "#side .close" : ".menu").focus();
  }

  // Deletion

  function askToDelete(button) {
    const dialog = $("#delete-dialog");
    $(".which", dialog).textContent = $(".name", button.parentElement).textContent;
    dialog.dataset.conversation = button.dataset.conversation;
    dialog.showModal();
  }

  function remove() {
    const dialog = $("#delete-dialog");
    dialog.close();
    // Its button goes with it.
    $("#side .new").focus();
    signal("delete", dialog.dataset.conversation);
  }

  // Times

  function spoken(date) {
    const now = new Date();
    const midnight = (day) => new Date(day.getFullYear(), day.getMonth(), day.getDate());
    const days = Math.round((midnight(now) - midnight(date)) / 86400000);
    const write = (options) => new Intl.DateTimeFormat(words.tag, options).format(date);
    const clock = write({ hour: "2-digit", minute: "2-digit", hour12: false });
    if (days === 0) return clock;
    if (days === 1) return `${new Intl.RelativeTimeFormat(words.tag, { numeric: "auto" }).format(-1, "day")} ${clock}`;
    if (days < 7) return `${write({ weekday: "long" })} ${clock}`;
    return write({ day: "numeric", month: "short", year: date.getFullYear() === now.getFullYear() ? undefined : "numeric" });
  }

  function times() {
    for (const time of document.querySelectorAll("#shell time:empty")) {
      time.textContent = spoken(new Date(time.dateTime));
    }
  }

  // Training

  async function watchTraining() {
    const response = await fetch("/v1/apps");
    if (!response.ok) return;
    const app = (await response.json()).find((one) => one.name === root.dataset.app);
    const hint = $("#hint");
    if (!app?.training) {
      delete hint.dataset.training;
      return;
    }
    const share = Math.floor((100 * app.training.step) / Math.max(1, app.training.total));
    hint.dataset.training = `${words.training} (${share} %)`;
    setTimeout(watchTraining, POLL_MS);
  }

  const onClick = {
    ".menu": () => drawer(true),
    "#side .close, #scrim": () => drawer(false),
    "#side .new": () => drawer(false),
    "#past .open": (button) => {
      drawer(false);
      if (!button.hasAttribute("aria-current")) signal("choose", button.dataset.conversation);
    },
    "#past .delete": askToDelete,
    "#delete-dialog .keep": () => $("#delete-dialog").close(),
    "#delete-dialog .confirm": remove,
  };

  document.addEventListener("click", (event) => {
    const chooser = $("#header .apps[open]");
    if (chooser && !chooser.contains(event.target)) chooser.open = false;
    for (const [selector, act] of Object.entries(onClick)) {
      const target = event.target.closest(`#shell :is(${selector})`);
      if (target) act(target);
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || $("#delete-dialog")?.open) return;
    const chooser = $("#header .apps[open]");
    if (chooser) {
      chooser.open = false;
      $("summary", chooser).focus();
    } else {
      drawer(false);
    }
  });

  narrow.addEventListener("change", () => drawer(false));

  document.addEventListener("switchboard:update", (event) => {
    ({ words } = event.detail);
    times();
    if (event.detail.update.mode === "open") watchTraining();
  });
})();
