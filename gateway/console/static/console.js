// What pages gain with JavaScript; everything works without it.
export {};
