// Tabs, as the ARIA Authoring Practices describe them: arrow keys move, and a panel follows.

import { h, uniqueId } from "./dom.mjs";

// Returns tabs. Each of `items` is `{ id, title, panel }`; `onSelect` is called with the id of the chosen one.
export function renderTabs(items, { label, selected = items[0]?.id, onSelect = () => {} }) {
  const tabs = [];
  const panels = [];
  const select = (index, isByReader) => {
    tabs.forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === index));
      tab.tabIndex = at === index ? 0 : -1;
      panels[at].hidden = at !== index;
    });
    if (!isByReader) return;
    tabs[index].focus();
    onSelect(items[index].id);
  };
  items.forEach((item, index) => {
    const [tabId, panelId] = [uniqueId("tab"), uniqueId("panel")];
    tabs.push(
      h(
        "button.tab",
        { type: "button", role: "tab", id: tabId, "aria-controls": panelId, click: () => select(index, true) },
        item.title,
      ),
    );
    panels.push(h("div.tab-panel", { role: "tabpanel", id: panelId, "aria-labelledby": tabId }, item.panel));
  });
  const list = h("div.tab-list", { role: "tablist", "aria-label": label }, tabs);
  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    select((to + tabs.length) % tabs.length, true);
  });
  select(
    Math.max(
      items.findIndex((item) => item.id === selected),
      0,
    ),
    false,
  );
  return h("div.tabs", list, panels);
}
