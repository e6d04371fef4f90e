/* Puts the server's updates into the page and turns clicks into messages. Holds no state beyond the page itself
   and what is to be done when the awaited reply is there.

   #update, #verdict   hidden components whose text is an update: base64 of JSON (see ui/chat.py)
   #message-box, #send, #signal, #judge, #restart, #choose, #delete
                       Gradio's components that carry what the person does
   #shell              ours: list of conversations, header, #thread (see ui/frame.py); children of #thread have a
                       data-key, by which an update replaces them

   Tells the other scripts of every update by the event "switchboard:update" with {update, words}, takes wishes by
   "switchboard:signal" with {event, content}, and messages that come by themselves by "switchboard:live" with {html}. */
"use strict";
(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const touch = matchMedia("(pointer: coarse)");
  let words = {};
  let applied = "";
  let wish = null;

  const box = () => $("#message-box textarea");
  const busy = () => $("#thread .typing") !== null;

  function put(field, text) {
    const prototype = field.tagName === "TEXTAREA" ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype;
    // Around any setter that a framework laid over the element.
    Object.getOwnPropertyDescriptor(prototype, "value").set.call(field, text);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  const nextFrame = () => new Promise((done) => setTimeout(done, 30));

  // The one way in which a message is sent.
  function send() {
    if (!busy() && box().value.trim()) $("#send").click();
  }

  async function say(text) {
    if (busy()) return;
    put(box(), text);
    await nextFrame();
    send();
    if (!touch.matches) box().focus();
  }

  async function signal(event, content) {
    put($("#signal textarea, #signal input"), content);
    await nextFrame();
    $(`#${event}`).click();
  }

  // Another conversation is shown once the awaited reply is in: it belongs to the one that is left.
  function leave(event, content = "") {
    if (busy()) wish = () => signal(event, content);
    else signal(event, content);
  }

  function fulfil() {
    if (!wish || busy()) return;
    wish();
    wish = null;
  }

  // Updates

  function decoded(element) {
    // Beside the text the component has a progress display.
    const text = ($('[data-testid="markdown"]', element)?.textContent ?? "").replace(/\s/g, "");
    if (!text) return null;
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  }

  function pieces(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return [...template.content.children];
  }

  const keyed = (key) => $(`#thread > [data-key="${CSS.escape(key)}"]`);

  function merge(html) {
    const parts = pieces(html);
    if (parts.some((piece) => piece.matches(".user-message, .notice"))) clearNotices(parts);
    let before = null;
    for (const piece of parts) {
      if (piece.dataset.undo) keyed(piece.dataset.undo)?.remove();
      const old = keyed(piece.dataset.key);
      // What is there already stays, so that a screen reader does not read it again.
      if (old && (old.outerHTML === piece.outerHTML || old.matches(".moment"))) {
        before = old;
        continue;
      }
      if (old) old.replaceWith(piece);
      else if (before) before.after(piece);
      else $("#thread").append(piece);
      if ("restore" in piece.dataset) restore(piece.dataset.restore);
      before = piece;
    }
    if (before) reveal(before);
  }

  // A notice is about the latest message alone.
  function clearNotices(coming) {
    const keys = new Set(coming.map((piece) => piece.dataset.key));
    for (const notice of document.querySelectorAll("#thread > .notice")) {
      if (!keys.has(notice.dataset.key)) notice.remove();
    }
  }

  function restore(text) {
    if (box() && box().value.trim() === "") put(box(), text);
  }

  function reveal(piece) {
    const view = $("#scroll");
    // A reply taller than the view is shown from its question on.
    const question = piece.previousElementSibling;
    const top = (question?.matches(".user-message") ? question : piece).offsetTop - 16;
    const bottom = view.scrollHeight - view.clientHeight;
    view.scrollTo({ top: Math.min(top, bottom), behavior: calm.matches ? "auto" : "smooth" });
  }

  function open(update) {
    words = JSON.parse(update.words);
    $("#shell").innerHTML = update.frame;
    reset(update);
    document.documentElement.dataset.app = update.app;
    document.title = update.title;
    // The toolkit has put the browser's language there.
    document.documentElement.lang = words.tag;
    document.body.dataset.ready = "";
    $("#splash")?.remove();
  }

  function reset(update) {
    $("#thread").replaceChildren(...pieces(update.html));
    if (!touch.matches) box().focus({ preventScroll: true });
    const view = $("#scroll");
    view.scrollTop = $("#thread .message") ? view.scrollHeight : 0;
  }

  function judged(update) {
    const message = $(`#thread .bot-message[data-message-id="${CSS.escape(update.message_id)}"]`);
    if (!message) return;
    for (const kind of ["up", "down"]) {
      $(`.thumb-${kind}`, message).setAttribute("aria-pressed", String(update.verdict === kind));
    }
    $(".verdict", message).textContent = update.text;
    if (update.verdict) fold(message);
  }

  function apply(element) {
    const update = decoded(element);
    if (!update || update.number === applied) return;
    applied = update.number;
    const nothing = () => {};
    const acts = { open, reset, merge: () => merge(update.html), listed: nothing, judged, rated: nothing, failed: () => failed() };
    acts[update.mode](update);
    if (update.past) $("#past").innerHTML = update.past;
    if (update.said) $("#announce").textContent = update.said;
    document.dispatchEvent(new CustomEvent("switchboard:update", { detail: { update, words } }));
    fulfil();
  }

  // ``problem``, if the server could say, has a code, a message and a remedy.
  function failed(problem) {
    if (!$("#thread")) return;
    const waiting = $("#thread .typing");
    const question = waiting?.previousElementSibling;
    const text = question?.matches(".user-message") ? question.textContent : box().value;
    question?.matches(".user-message") && question.remove();
    waiting?.remove();
    clearNotices([]);
    const notice = document.createElement("article");
    notice.className = "message notice";
    notice.dataset.key = "failed";
    notice.setAttribute("aria-label", words.assistant);
    notice.innerHTML = '<div class="bubble"><p></p></div>';
    const told = problem && (words[problem.code] ?? `${problem.message} ${problem.remedy}`);
    $("p", notice).textContent = told ?? `${words.failed} ${words.failed_remedy}`;
    $("#thread").append(notice);
    restore(text);
    reveal(notice);
    fulfil();
  }

  // Judgements

  function judge(message, judgement) {
    return signal("judge", JSON.stringify({ message_id: message.dataset.messageId, ...judgement }));
  }

  function unfold(message) {
    $(".reasons", message).hidden = false;
    $(".thumb-down", message).setAttribute("aria-expanded", "true");
    $(".reasons input", message).focus();
    $(".reasons", message).scrollIntoView({ block: "nearest" });
  }

  function fold(message) {
    const inside = $(".reasons", message).contains(document.activeElement);
    $(".reasons", message).hidden = true;
    if (inside) $(".thumb-down", message).focus();
    $(".thumb-down", message).setAttribute("aria-expanded", "false");
  }

  async function copy(button) {
    const message = button.closest(".bot-message");
    try {
      await navigator.clipboard.writeText($(".text", message).innerText);
    } catch {
      return; // no permission; the text can still be selected
    }
    $(".verdict", message).textContent = button.dataset.done;
  }

  function askAgain(button) {
    let before = button.closest(".message");
    while (before && !before.matches(".user-message")) before = before.previousElementSibling;
    if (before) say($(".bubble", before).textContent);
  }

  const onClick = {
    "[data-say]": (button) => say(button.dataset.say),
    ".new": () => {
      leave("restart");
      box().focus();
    },
    ".again": askAgain,
    ".thumb-up": (button) => judge(button.closest(".bot-message"), { kind: "up" }),
    ".thumb-down": (button) => {
      const message = button.closest(".bot-message");
      $(".reasons", message).hidden ? unfold(message) : fold(message);
    },
    ".cancel-reason": (button) => {
      fold(button.closest(".bot-message"));
    },
    ".copy": copy,
    ".reference": (link) => {
      const card = document.getElementById(link.getAttribute("href").slice(1));
      card.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
      card.focus({ preventScroll: true });
    },
    ".skip": () => box().focus(),
  };

  document.addEventListener("click", (event) => {
    if (!event.target.closest("#shell")) return;
    for (const [selector, act] of Object.entries(onClick)) {
      const target = event.target.closest(selector);
      if (!target) continue;
      event.preventDefault();
      act(target);
      return;
    }
  });

  document.addEventListener("submit", (event) => {
    if (!event.target.matches(".reasons")) return;
    event.preventDefault();
    const said = new FormData(event.target);
    judge(event.target.closest(".bot-message"), {
      kind: "down",
      reason: said.get("reason") ?? "",
      comment: said.get("comment"),
    });
  });

  // Before Gradio sees it: Enter sends, but not while an input method composes, nor while a reply is awaited.
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.key === "Escape") {
        const message = event.target.closest?.(".bot-message:has(.reasons:not([hidden]))");
        if (message) fold(message);
      }
      if (event.key !== "Enter" || event.target !== box()) return;
      event.stopPropagation();
      if (event.isComposing || event.shiftKey) return;
      event.preventDefault();
      send();
    },
    true,
  );

  document.addEventListener("switchboard:live", (event) => merge(event.detail.html));
  document.addEventListener("switchboard:signal", (event) => leave(event.detail.event, event.detail.content));

  // Gradio says nothing of a request that the server refused (too many of them, a full queue).
  const fetched = window.fetch;
  window.fetch = async (...request) => {
    const response = await fetched(...request);
    if (!response.ok && /\/queue\/join(\?|$)/.test(response.url)) {
      const body = await response.clone().json().catch(() => ({}));
      failed(body.error);
    }
    return response;
  };

  // Gradio draws the components one by one.
  function start() {
    const sources = [$("#update"), $("#verdict")];
    const carriers = ["#shell", "#send", "#signal", "#judge", "#restart", "#choose", "#delete"].map((id) => $(id));
    if (!box() || [...sources, ...carriers].includes(null)) return false;
    for (const source of sources) {
      new MutationObserver(() => apply(source)).observe(source, {
        childList: true,
        characterData: true,
        subtree: true,
      });
      apply(source);
    }
    // A toast is how Gradio tells of a lost connection.
    const toasts = $(".toast-wrap");
    if (toasts) {
      new MutationObserver((changes) => {
        if (changes.some((change) => change.addedNodes.length > 0 && change.target === toasts)) failed();
      }).observe(toasts, { childList: true });
    }
    return true;
  }

  if (!start()) {
    const drawn = new MutationObserver(() => start() && drawn.disconnect());
    drawn.observe(document.documentElement, { childList: true, subtree: true });
  }
})();
