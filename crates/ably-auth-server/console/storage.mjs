// Values that survive a reload. A browser may forbid storage; then they last as long as the page.

const memory = new Map();

function open(kind) {
  const read = (name) => {
    try {
      return window[kind].getItem(`ably-auth.${name}`);
    } catch {
      return null;
    }
  };
  return {
    get: (name) => read(name) ?? memory.get(name) ?? null,
    set(name, value) {
      memory.set(name, value);
      try {
        window[kind].setItem(`ably-auth.${name}`, value);
      } catch {
        // `memory` has it.
      }
    },
    remove(name) {
      memory.delete(name);
      try {
        window[kind].removeItem(`ably-auth.${name}`);
      } catch {
        // There was nothing to remove.
      }
    },
  };
}

// Preferences, kept until the reader changes them.
export const preferences = open("localStorage");

// Values that the browser forgets with the tab.
export const session = open("sessionStorage");
