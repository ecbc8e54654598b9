import { defineConfig } from 'vite';

// Everything comes from the node that serves the page: no inlined scripts or data: addresses, so that
// the server's content security policy can be strict.
export default defineConfig({
  base: '/',
  esbuild: { jsx: 'automatic' },
  build: { target: 'es2021', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});
