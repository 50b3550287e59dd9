/* Draws the reference; no font and no script comes from elsewhere. */
"use strict";
const place = document.getElementById("reference");
const text = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif';
const code = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace";
Redoc.init(
  place.dataset.schema,
  {
    scrollYOffset: ".bar",
    hideDownloadButton: true,
    expandResponses: "200,201,202",
    requiredPropsFirst: true,
    theme: {
      colors: { primary: { main: "#1d4ed8" } },
      typography: {
        fontFamily: text,
        fontSize: "15px",
        headings: { fontFamily: text, fontWeight: "600" },
        code: { fontFamily: code, fontSize: "13px" },
      },
      sidebar: { width: "280px", backgroundColor: "#f8fafc" },
      rightPanel: { backgroundColor: "#111827" },
    },
  },
  place,
);
