/* A page opened from a file may not read the other pages: the search then lists titles without their text. */
document.addEventListener("DOMContentLoaded", () => {
  const results = document.getElementById("search-results");
  if (!results || location.protocol !== "file:") return;
  const note = document.createElement("p");
  note.textContent = "Opened from a file, the search shows titles only. For the lines that match, run "
    + "“python -m http.server” in this folder and open the address that it prints.";
  results.before(note);
});
