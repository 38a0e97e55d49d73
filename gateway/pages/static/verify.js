// Makes the form of the verification page pleasant where scripts run: dropping, a preview, progress. The page works
// without. Nothing is built from strings: results come as a document that the browser has parsed without running it.
"use strict";
(() => {
  const form = document.querySelector("form.upload");
  if (!form) return;
  const input = form.querySelector("#file");
  const drop = form.querySelector(".drop");
  const button = form.querySelector("button");
  const canvas = form.querySelector(".preview");
  const progress = form.querySelector(".progress");
  const bar = form.querySelector("progress");
  const status = form.querySelector(".status");
  const PREVIEW_BYTES = 30e6; // larger files would keep a phone busy for a preview
  form.querySelector(".with-script").hidden = false;

  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length !== 1) { status.textContent = "Drop one file at a time."; return; }
    input.files = event.dataTransfer.files;
    preview();
  });
  input.addEventListener("change", preview);

  async function preview() {
    canvas.hidden = true;
    status.textContent = "";
    const file = input.files[0];
    if (!file || file.size > PREVIEW_BYTES || !window.OfflineAudioContext) return;
    try {
      const sound = await new OfflineAudioContext(1, 1, 16000).decodeAudioData(await file.arrayBuffer());
      draw(sound.getChannelData(0));
    } catch { /* The browser cannot play it; the service says what it is. */ }
  }

  function draw(samples) {
    canvas.hidden = false;
    const context = canvas.getContext("2d"), columns = 240, width = canvas.width / columns;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = getComputedStyle(form).getPropertyValue("--bars");
    for (let column = 0; column < columns; column += 1) {
      const start = Math.floor(column * samples.length / columns), end = Math.floor((column + 1) * samples.length / columns);
      let peak = 0;
      for (let place = start; place < end; place += 8) peak = Math.max(peak, Math.abs(samples[place]));
      const height = Math.max(2, Math.min(1, peak) * canvas.height);
      context.fillRect(column * width, (canvas.height - height) / 2, width * 0.7, height);
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.responseType = "document";
    request.setRequestHeader("Accept", "text/html");
    request.upload.addEventListener("progress", (sent) => {
      if (!sent.lengthComputable) return;
      bar.value = 100 * sent.loaded / sent.total;
      if (sent.loaded === sent.total) {
        bar.removeAttribute("value");
        status.textContent = "The file has arrived and is being examined.";
      }
    });
    request.addEventListener("error", () => finish("The service could not be reached. Try again."));
    request.addEventListener("load", () => {
      const main = request.response && request.response.querySelector("main");
      if (!main) { finish("The service gave no answer that can be shown. Try again."); return; }
      if (request.responseURL !== new URL(form.action, location.href).href) { location.assign(request.responseURL); return; }
      document.title = request.response.title;
      document.querySelector("main").replaceWith(document.adoptNode(main));
      main.focus();
      window.scrollTo(0, 0);
    });
    button.disabled = true;
    progress.hidden = false;
    status.textContent = "Sending the file.";
    request.send(new FormData(form));
  });

  function finish(words) {
    button.disabled = false;
    progress.hidden = true;
    status.textContent = words;
  }
})();
