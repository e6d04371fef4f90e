/* Asks once how a conversation was: where the customer has begun a new one, or a person has given it back. The mark is
   feedback of the kind "csat" on the conversation's last reply, sent by the event "switchboard:signal".

   The browser remembers which conversations were asked about. */
"use strict";
(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const ASKED = "switchboard-surveyed";
  const MOST_ASKED = 100;
  const MARKS = ["1", "2", "3", "4", "5"];
  let words = {};
  let last = { conversation: "", message: "" };

  const current = () => $("#past .open[aria-current]")?.dataset.conversation ?? "";
  const kept = (conversation) => $(`#past .open[data-conversation="${CSS.escape(conversation)}"]`) !== null;
  const asked = () => JSON.parse(localStorage.getItem(ASKED) ?? "[]");

  function row(message) {
    const line = document.createElement("div");
    line.className = "survey";
    line.dataset.key = `survey-${message}`;
    line.dataset.messageId = message;
    line.setAttribute("role", "group");
    line.setAttribute("aria-label", words.survey);
    const question = document.createElement("span");
    question.textContent = words.survey;
    const marks = MARKS.map((mark) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.mark = button.textContent = mark;
      button.setAttribute("aria-label", words.survey_mark.replace("{mark}", mark));
      button.setAttribute("aria-pressed", "false");
      return button;
    });
    const verdict = document.createElement("span");
    verdict.className = "verdict";
    verdict.setAttribute("role", "status");
    line.append(question, ...marks, verdict);
    return line.outerHTML;
  }

  function ask({ conversation, message }) {
    if (!message || asked().includes(conversation)) return;
    localStorage.setItem(ASKED, JSON.stringify([...asked(), conversation].slice(-MOST_ASKED)));
    document.dispatchEvent(new CustomEvent("switchboard:live", { detail: { html: row(message) } }));
  }

  function rated(update) {
    const line = $(`#thread .survey[data-message-id="${CSS.escape(update.message_id)}"]`);
    if (!line) return;
    for (const button of line.querySelectorAll("[data-mark]")) {
      button.setAttribute("aria-pressed", String(button.dataset.mark === update.verdict));
    }
    $(".verdict", line).textContent = update.text;
  }

  document.addEventListener("switchboard:update", (event) => {
    const { update } = event.detail;
    ({ words } = event.detail);
    const conversation = current();
    if (update.mode === "rated") rated(update);
    // A deleted conversation is not asked about.
    if (update.mode === "reset" && !conversation && kept(last.conversation)) ask(last);
    const replies = document.querySelectorAll("#thread .bot-message[data-message-id]");
    last = { conversation, message: [...replies].at(-1)?.dataset.messageId ?? "" };
  });

  document.addEventListener("switchboard:left", () => ask(last));

  document.addEventListener("click", (event) => {
    const button = event.target.closest("#thread .survey [data-mark]");
    if (!button) return;
    const judgement = { message_id: button.parentElement.dataset.messageId, kind: "csat", value: button.dataset.mark };
    const detail = { event: "judge", content: JSON.stringify(judgement) };
    document.dispatchEvent(new CustomEvent("switchboard:signal", { detail }));
  });
})();
