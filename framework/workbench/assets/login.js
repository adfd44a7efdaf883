"use strict";

// A link with the token behind `#` fills it in, also where this page is open already: what stands there is sent to no
// server.
function logIn() {
  const given = /^#token=([0-9a-f]+)$/.exec(location.hash);
  if (!given) return;
  document.getElementById("token").value = given[1];
  history.replaceState(null, "", "/login");
  document.querySelector("form").requestSubmit();
}

addEventListener("hashchange", logIn);
logIn();
