/** In place of a technique: without any of them. */
export const everything = 'all';
