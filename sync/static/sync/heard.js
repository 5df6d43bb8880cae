// For people who hear a page instead of seeing it, or have no mouse: names and roles that Jazzmin's
// own pages leave out; and a page that changes by itself must not take the focus away.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const name = (selector, label) =>
    document.querySelectorAll(selector).forEach((element) => element.setAttribute("aria-label", label));
  name('a[data-lte-toggle="sidebar"]', "Open or close the menu");
  name('th a[href^="?"]:has(> .fa-times)', "Sort by this column no longer");
  // A list that is called a navigation is no list any more; the nav around it is enough.
  document.querySelectorAll("ul[role]").forEach((list) => {
    if (["navigation", "menu"].includes(list.getAttribute("role"))) list.removeAttribute("role");
  });
});

let focused = null;
const nameOf = (element) =>
  [element.tagName, element.getAttribute("href"), element.textContent.trim()].join(" ");
document.addEventListener("htmx:beforeSwap", (event) => {
  const element = document.activeElement;
  focused = event.detail.target.contains(element) ? nameOf(element) : null;
});
document.addEventListener("htmx:afterSettle", () => {
  if (focused !== null) {
    const again = [...document.querySelectorAll("a, button, summary")].find((element) => nameOf(element) === focused);
    if (again) again.focus({ preventScroll: true });
  }
  // Said once, when it changes; the visible words are written anew every second.
  const said = document.getElementById("run-status");
  const words = document.querySelector(".run-words");
  if (said && words) {
    const now = words.textContent.replace(/\s+/g, " ").trim();
    if (said.textContent !== now) said.textContent = now;
  }
});
