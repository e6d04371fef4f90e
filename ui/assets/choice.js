/* The choice of language and appearance, on every page: buttons with data-cookie and data-value (see ui/frame.py). */
"use strict";
(() => {
  const root = document.documentElement;
  const YEAR = 365 * 24 * 3600;

  function choose(button) {
    const { cookie, value } = button.dataset;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${cookie}=${value}; Path=/; Max-Age=${YEAR}; SameSite=Lax${secure}`;
    for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
    // The server writes in the language of the cookie; colours need no new page.
    if (cookie === "switchboard_language") location.reload();
    else if (value === "auto") delete root.dataset.theme;
    else root.dataset.theme = value;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-cookie]");
    if (button) choose(button);
  });
})();
