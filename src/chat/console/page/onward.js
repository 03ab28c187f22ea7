import './session.js';

// Asks for the console again, as one of its own pages: the browser sends the session along then.
location.replace('/');
