/* What people write comes by itself: asks the server who holds the shown conversation and what operators wrote in it,
   every second while a person holds it or is waited for, seldom otherwise, and not at all while nothing is shown.

   Reads which conversation is shown from the list (#past); hands messages to chat.js by the event "switchboard:live",
   and tells by "switchboard:left" that a person has given the conversation back. */
"use strict";
(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const WITH_PERSON_MS = 1000;
  const WITH_BOT_MS = 5000;
  let words = {};
  let timer = 0;
  let shown = { conversation: "", holder: "bot", operator: null };

  const current = () => $("#past .open[aria-current]")?.dataset.conversation ?? "";

  function remark(text) {
    const line = document.createElement("p");
    line.className = "remark";
    line.dataset.key = `remark-${Date.now()}`;
    line.textContent = text;
    return line.outerHTML;
  }

  function apply(conversation, found) {
    const same = shown.conversation === conversation;
    const joined = same && found.holder === "person" && shown.operator !== found.operator;
    const left = same && found.holder === "bot" && shown.holder === "person";
    shown = { conversation, holder: found.holder, operator: found.operator };
    const status = { bot: words.status, waiting: words.status_waiting, person: words.status_person }[found.holder];
    $("#header .status").textContent = status.replace("{name}", found.operator);
    $("#header .status").dataset.holder = found.holder;
    const before = joined ? remark(words.joined.replace("{name}", found.operator)) : "";
    const after = left ? remark(words.left) : "";
    const html = before + found.html + after;
    if (html) document.dispatchEvent(new CustomEvent("switchboard:live", { detail: { html } }));
    if (left) document.dispatchEvent(new CustomEvent("switchboard:left"));
  }

  async function ask() {
    clearTimeout(timer);
    const conversation = current();
    if (conversation && !(document.hidden && shown.holder === "bot")) {
      const last = [...document.querySelectorAll("#thread .person-message")].at(-1)?.dataset.number ?? 0;
      const query = new URLSearchParams({ conversation, after: last });
      const response = await fetch(`/ui/live?${query}`).catch(() => null);
      const found = response?.ok ? await response.json() : null;
      // Another conversation may have been chosen meanwhile; a refusal or a lost connection is asked again.
      if (found && conversation === current()) apply(conversation, found);
    } else if (!conversation && $("#header .status")) {
      apply("", { holder: "bot", operator: null, html: "" });
    }
    clearTimeout(timer);
    timer = setTimeout(ask, shown.holder === "bot" ? WITH_BOT_MS : WITH_PERSON_MS);
  }

  document.addEventListener("switchboard:update", (event) => {
    ({ words } = event.detail);
    ask();
  });
  document.addEventListener("visibilitychange", () => document.hidden || ask());
})();
