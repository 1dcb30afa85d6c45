/* s3sync's pages work without this; it only makes them more comfortable. */
(function () {
  "use strict";

  /* Progress of a run: the fragment is fetched again until nothing is going on any more. */
  var progress = document.getElementById("s3-progress");
  var timer = null;

  function busy() {
    var fragment = progress.querySelector(".s3-progress");
    return fragment && fragment.getAttribute("data-busy") === "1";
  }

  function poll(always) {
    window.clearTimeout(timer);
    timer = window.setTimeout(function () {
      fetch(progress.getAttribute("data-url"), {credentials: "same-origin", cache: "no-store"}).then(function (answer) {
        if (!answer.ok || answer.redirected) { throw new Error(answer.status); }
        return answer.text();
      }).then(function (html) {
        var wasBusy = busy();
        progress.innerHTML = html;
        if (busy() || always) { poll(always); }
        else if (wasBusy) { window.location.reload(); }   /* the button comes back */
      }).catch(function () { poll(always); });            /* the server may be busy: try again */
    }, 1500);
  }

  if (progress) {
    if (busy()) { poll(false); }
    document.querySelectorAll("form.s3-watch").forEach(function (form) {
      form.addEventListener("submit", function () {
        form.querySelector("button").disabled = true;
        poll(true);
      });
    });
  }

  /* What takes a while says so, and is not started twice. */
  document.querySelectorAll("form.s3-wait").forEach(function (form) {
    form.addEventListener("submit", function () {
      var button = form.querySelector("button");
      window.setTimeout(function () { button.disabled = true; }, 0);
      button.textContent = button.getAttribute("data-busy");
    });
  });

  /* Copy buttons, where the browser can. */
  document.querySelectorAll(".s3-copy").forEach(function (button) {
    if (!navigator.clipboard) { return; }
    button.hidden = false;
    button.addEventListener("click", function () {
      var source = document.getElementById(button.getAttribute("data-copy"));
      navigator.clipboard.writeText(source.textContent.trim()).then(function () {
        button.textContent = button.getAttribute("data-done");
      });
    });
  });

  /* More filters than the empty ones offered. */
  document.querySelectorAll(".s3-filters").forEach(function (list) {
    var button = document.createElement("button");
    button.type = "button";
    button.className = "s3-button";
    button.textContent = list.getAttribute("data-more");
    button.addEventListener("click", function () {
      var row = list.querySelector(".s3-filter:last-of-type").cloneNode(true);
      var number = list.querySelectorAll(".s3-filter").length + 1;
      row.querySelectorAll("select, input").forEach(function (input) {
        input.value = "";
        input.setAttribute("aria-label", input.getAttribute("aria-label").replace(/\d+/, number));
      });
      list.insertBefore(row, button);
      row.querySelector("input").focus();
    });
    list.appendChild(button);
  });
})();
