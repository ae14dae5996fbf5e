// An invitation's link carries its token behind the #, which browsers send to nobody: put it into the form and send that.
"use strict";

function take() {
  let token = location.hash.slice(1);
  if (!token) return;
  // Out of the address at once: neither the history nor a screenshot keeps it.
  history.replaceState(null, "", location.pathname);
  try { token = decodeURIComponent(token); } catch { /* it is taken as it stands */ }
  const form = document.getElementById("paste");
  form.elements.token.value = token;
  form.requestSubmit();
}

addEventListener("hashchange", take);
take();
