import './session.js';

// Requests the console again from one of its own pages, so that the browser sends the session.
location.replace(location.pathname);
