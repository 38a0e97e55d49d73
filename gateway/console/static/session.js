// Says in time that the session is about to end, and extends it at the press of a button (WCAG 2.2.1).

const WARNING_SECONDS = 300; // before the end; WCAG asks for 20
const CHECK_SECONDS = 5;
const SHARED = "assay.sessionUntil"; // what another tab of this browser does keeps this one signed in as well

const form = document.getElementById("stay");

function watch() {
  const text = document.getElementById("stay-text");
  const said = document.getElementById("said");
  // The server's clock counts; only differences are taken from this machine's.
  let offset = Date.parse(form.dataset.now) - Date.now();
  let until = Date.parse(form.dataset.until);
  let warned = false;
  let last = false; // a day is over: nothing extends this session
  const share = () => { try { localStorage.setItem(SHARED, String(until)); } catch { /* then every tab is on its own */ } };
  const shared = () => { try { return Number(localStorage.getItem(SHARED)) || 0; } catch { return 0; } };
  const hide = () => { form.hidden = true; warned = false; document.body.classList.remove("staying"); };
  share();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const answer = await fetch(form.action, {
        method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" },
      });
      const told = await answer.json();
      offset = Date.parse(told.now) - Date.now();
      until = Date.parse(told.until);
      share();
      last = until - Date.now() - offset < WARNING_SECONDS * 1000;
      if (last) { show(); return; }
      hide();
      said.textContent = "You stay signed in.";
      document.getElementById("main").focus();
    } catch {
      text.textContent = "The session could not be extended. Copy what you typed, and sign in again.";
    }
  });
  const show = () => {
    const seconds = Math.round((until - Date.now() - offset) / 1000);
    if (seconds > WARNING_SECONDS) { hide(); return; }
    const minutes = Math.max(1, Math.ceil(seconds / 60));
    const left = `${minutes} ${minutes === 1 ? "minute" : "minutes"}`;
    form.hidden = false;
    document.body.classList.add("staying"); // room for it, so that it covers nothing
    text.textContent = seconds <= 0 ? "You were signed out. Copy what you typed, and sign in again."
      : last ? `You will be signed out in ${left}, a day after you signed in. Finish, and sign in again.`
        : `You will be signed out in ${left}.`;
    if (!warned && seconds > 0) {
      warned = true;
      said.textContent = `${text.textContent} Press "Stay signed in" at the end of the page.`;
    }
  };
  setInterval(() => {
    // A session that was begun anew would only be longer, so the latest end that any tab knows is the true one.
    until = Math.max(until, shared());
    show();
  }, CHECK_SECONDS * 1000);
}

if (form) watch();
