import { html } from 'hono/html';

/** The page that asks for the token; it works without script. `problem` is said above the field. */
export function loginPage(problem?: string) {
  const said = problem === undefined ? '' : html`<p class="problem" id="problem" role="alert">${problem}</p>`;
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Log in - proxnix</title>
    <link rel="icon" href="/console/icon.svg" />
    <link rel="stylesheet" href="/console/card.css" />
    <link rel="stylesheet" href="/console/page.css" />
    <link rel="stylesheet" href="/console/dialog.css" />
    <script src="/console/theme.js"></script>
  </head>
  <body class="login">
    <main>
      <h1>proxnix</h1>
      <p>This console needs its token: the value of <code>CONSOLE_TOKEN</code> where proxnix runs.</p>
      <form method="post" action="/login">
        ${said}
        <label for="token">Token</label>
        <input id="token" name="token" type="password" required autofocus autocomplete="current-password"
          ${problem === undefined ? '' : html`aria-invalid="true" aria-describedby="problem"`} />
        <button class="primary">Log in</button>
      </form>
    </main>
  </body>
</html> `;
}
