// Names and roles that Jazzmin's own pages leave out, for people who hear a page instead of seeing it.
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
