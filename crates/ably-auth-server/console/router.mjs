// Addresses of views: `#/view/argument?name=value`.

export const VIEWS = ["overview", "log", "inspect", "connections", "act"];

// Reads an address. An unknown view is the overview.
export function readHash(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [view = "", argument = ""] = path.split("/", 2);
  return {
    view: VIEWS.includes(view) ? view : "overview",
    argument: decode(argument),
    query: new URLSearchParams(query),
  };
}

// Writes an address. Empty values of the query are left out.
export function writeHash(view, argument = null, query = {}) {
  const set = [...new URLSearchParams(query)].filter(([, value]) => value !== "");
  const path = argument === null || argument === "" ? view : `${view}/${encodeURIComponent(argument)}`;
  return `#/${path}${set.length > 0 ? `?${new URLSearchParams(set)}` : ""}`;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
