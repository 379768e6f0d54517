// The dialog that asks for the admin token.

const dialog = document.getElementById("token-dialog");
const form = document.getElementById("token-form");
const input = document.getElementById("token-input");
const problem = document.getElementById("token-problem");

// Returns a promise of the token, or of null if the reader cancels. `message` is why the last token was refused.
export function askForToken(message) {
  problem.hidden = message === null;
  problem.textContent = message ?? "";
  input.value = "";
  dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    let token = null;
    form.onsubmit = (event) => {
      event.preventDefault();
      token = input.value.trim();
      dialog.close();
    };
    document.getElementById("token-cancel").onclick = () => dialog.close();
    dialog.onclose = () => {
      input.value = "";
      resolve(token === "" ? null : token);
    };
  });
}
