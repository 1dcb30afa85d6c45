"use strict";

// Menu on small screens
document.querySelectorAll(".menu-button").forEach(function (button) {
  button.addEventListener("click", function () {
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
  });
});

// Forms that ask first
document.querySelectorAll("form[data-confirm]").forEach(function (form) {
  form.addEventListener("submit", function (event) {
    if (!window.confirm(form.dataset.confirm)) event.preventDefault();
  });
});

// Locations picked by name
document.querySelectorAll(".location-picker").forEach(function (picker) {
  const search = picker.querySelector("input[type=search]");
  const value = picker.querySelector("input[type=hidden]");
  const proposals = picker.querySelector(".proposals");
  let timer = 0;

  function show(locations) {
    proposals.replaceChildren();
    locations.forEach(function (location) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = location.name + (location.level ? " · " + location.level : "");
      button.addEventListener("click", function () {
        value.value = location.id;
        search.value = location.name;
        proposals.hidden = true;
      });
      proposals.append(button);
    });
    proposals.hidden = !locations.length;
  }

  search.addEventListener("input", function () {
    value.value = "";
    window.clearTimeout(timer);
    timer = window.setTimeout(function () {
      fetch(picker.dataset.url + "?q=" + encodeURIComponent(search.value), {credentials: "same-origin"})
        .then(function (answer) { return answer.json(); })
        .then(show);
    }, 200);
  });
});
