/* Signing in: name and password go to the server as JSON, and the page that was asked for is loaded again. */
"use strict";
(() => {
  const { $, words, api, Problem } = Console;
  const form = $("#sign-in");
  if (!form) return; // no user has been made yet

  $("#show").addEventListener("change", (event) => {
    $("#password").type = event.target.checked ? "text" : "password";
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const send = $("button[type=submit]", form);
    $(".refusal").textContent = "";
    send.disabled = true;
    try {
      await api("sign-in", { method: "POST", body: { name: $("#name").value, password: $("#password").value } });
      location.reload();
    } catch (error) {
      $(".refusal").textContent = error instanceof Problem ? error.message : words.lost;
      send.disabled = false;
      $("#password").select();
    }
  });
})();
