// What the pages do beyond standing there: theme, filter, tiers, sorting, downloads, and the words of a record that is
// pointed at. Plain script, no library; without it the pages are complete but for these and the table of all records.
(() => {
  'use strict';
  const root = document.documentElement;
  root.classList.add('js');
  const kept = {
    get: (key) => { try { return localStorage.getItem('retrobench-' + key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem('retrobench-' + key, value); } catch { /* a page from disk may not keep */ } },
  };
  const theme = kept.get('theme');
  if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;

  // Records: records.js calls this with tables of names and rows of places in them.
  let data = null;
  window.retrobench = (given) => { data = given; };
  const record = (i) => {
    const row = data && data.rows[i];
    if (!row) return null;
    const [site, shape, variant, rung, isa, threads, made, status, warm, bound, ...figures] = row;
    const s = data.shapes[shape];
    const [time, low, high, ratio, ratioLow, ratioHigh, floor, nmse, backward] = status === 0 ? figures : [];
    const kernel = data.kernels[s[0]], cell = `${kernel}/${s[1]}/${data.variants[variant]}`;
    const place = data.sites[site];
    const literal = cell.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    return {
      kernel, shape: s[1], dims: s[2], variant: data.variants[variant], rung, machine: place.id, machine_name: place.name,
      year: place.year, tier: place.tier, isa: data.isas[isa], threads, status: data.statuses[status],
      reason: status === 0 ? '' : data.reasons[figures[0]],
      time_ns: time, low_ns: low, high_ns: high, speedup: ratio, speedup_low: ratioLow, speedup_high: ratioHigh,
      warm: status === 0 ? warm === 1 : '', floor_ns: floor, bound: bound < 0 ? '' : data.bounds[bound],
      operations: s[3], bytes: s[4], nmse, backward_error: backward, ...data.made[made],
      reproduce: place.command ? place.command.replace('{cell}', () => literal) : data.made[made].command,
    };
  };

  // Figures as the report writes them: three digits and a unit.
  const three = (x) => x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x >= 1 ? x.toFixed(2) : x.toPrecision(3);
  const time = (ns) => {
    if (!(ns >= 0)) return '–';
    const steps = [[7.2e12, 3.6e12, 'h'], [1.2e11, 6e10, 'min'], [1e9, 1e9, 's'], [1e6, 1e6, 'ms'], [1e3, 1e3, 'µs'], [0, 1, 'ns']];
    const rounded = Number(ns.toPrecision(3));
    const [, unit, name] = steps.find(([from]) => rounded >= from);
    return `${three(ns / unit)} ${name}`;
  };
  const ratio = (r) => !(r >= 0) ? '–' : (r >= 9.95 ? r.toFixed(0) : r >= 1.995 ? r.toFixed(1) : r >= 0.095 ? r.toFixed(2) : r.toPrecision(2)) + '×';

  const make = (name, text, attributes = {}) => {
    const e = document.createElement(name);
    if (text !== undefined) e.textContent = text;
    for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
    return e;
  };

  // The words of a record.
  const lines = (r) => {
    const out = [make('p')];
    out[0].append(make('strong', `${r.kernel} · ${r.variant}`), ` (rung ${r.rung}), ${r.shape} ${r.dims}`);
    out.push(make('p', `${r.machine_name}${r.year ? ` (${r.year})` : ''}, ${r.tier}, ${r.isa} × ${r.threads}`));
    if (r.reason) {
      out.push(make('p', `${r.status}: ${r.reason}`));
    } else {
      const band = r.low_ns < r.high_ns ? `, band ${time(r.low_ns)} – ${time(r.high_ns)}` : ', exact';
      const interval = r.speedup_low < r.speedup_high ? ` (${ratio(r.speedup_low)} – ${ratio(r.speedup_high)})` : '';
      out.push(make('p', `${time(r.time_ns)}${band}${r.speedup ? `; ${ratio(r.speedup)} naive${interval}` : ''}${r.warm ? '; warm' : ''}`));
      const limits = [r.bound && `bound by ${r.bound}`, r.floor_ns && `${(100 * r.floor_ns / r.time_ns).toFixed(0)} % of the limit`,
        `NMSE ${Number(r.nmse).toExponential(1)}`];
      out.push(make('p', limits.filter(Boolean).join('; ')));
    }
    const command = make('p');
    command.append(make('code', r.reproduce));
    out.push(command);
    return out;
  };

  document.addEventListener('DOMContentLoaded', () => {
    const all = (selector, within = document) => [...within.querySelectorAll(selector)];
    const tables = all('table.data');

    // Theme: what the system has, then the other one, then back.
    const toggle = document.getElementById('theme');
    const dark = () => root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    const name = () => { if (toggle) toggle.textContent = dark() ? 'Light' : 'Dark'; };
    name();
    toggle?.addEventListener('click', () => {
      root.dataset.theme = dark() ? 'light' : 'dark';
      kept.set('theme', root.dataset.theme);
      name();
    });

    // Tiers.
    const boxes = all('.controls input[type=checkbox]');
    const hide = () => {
      document.body.dataset.hide = boxes.filter((b) => !b.checked).map((b) => b.value).join(' ');
      kept.set('hide', document.body.dataset.hide);
    };
    const hidden = (kept.get('hide') || '').split(' ');
    // A page on which nothing would be left shows what it has.
    if (boxes.some((b) => !hidden.includes(b.value))) boxes.forEach((b) => { b.checked = !hidden.includes(b.value); });
    boxes.forEach((b) => b.addEventListener('change', hide));
    if (boxes.length) hide();

    // Filter: every word must be in the row.
    const search = document.getElementById('filter');
    search?.addEventListener('input', () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      if (window.retrobenchAll) return window.retrobenchAll(words);
      all('tbody tr', document).filter((tr) => tr.closest('table.data')).forEach((tr) => {
        const text = tr.textContent.toLowerCase();
        tr.hidden = !words.every((w) => text.includes(w));
      });
    });

    // Sorting, by what is shown or by the figure behind it.
    const value = (td) => {
      if (!td) return '';
      const text = td.dataset.v ?? td.textContent.trim().replace(/^~/, '');
      const number = parseFloat(text);
      return Number.isNaN(number) ? text.toLowerCase() : number;
    };
    const compare = (a, b) => typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === 'number' ? -1 : 1;
    tables.forEach((table) => {
      const heads = all('thead th', table);
      heads.forEach((th, column) => {
        th.classList.add('sort');
        th.tabIndex = 0;
        const sort = () => {
          const down = th.getAttribute('aria-sort') === 'ascending';
          heads.forEach((h) => h.removeAttribute('aria-sort'));
          th.setAttribute('aria-sort', down ? 'descending' : 'ascending');
          const body = table.tBodies[0];
          const rows = [...body.rows].map((tr) => [value(tr.cells[column]), tr]);
          rows.sort((a, b) => (down ? -1 : 1) * compare(a[0], b[0]));
          body.append(...rows.map((r) => r[1]));
        };
        th.addEventListener('click', sort);
        th.addEventListener('keydown', (e) => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); sort(); } });
      });
    });

    // Downloads of what a table shows.
    const save = (file, type, text) => {
      const link = make('a', '', { href: URL.createObjectURL(new Blob([text], { type })), download: file });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    };
    const quoted = (x) => { const t = x === undefined || x === null ? '' : String(x); return /[",\n\r]/.test(t) ? `"${t.replaceAll('"', '""')}"` : t; };
    const csv = (heads, rows) => [heads, ...rows].map((r) => r.map(quoted).join(',')).join('\n') + '\n';
    const json = (heads, rows) => JSON.stringify(rows.map((r) => Object.fromEntries(heads.map((h, i) => [h, r[i]]))), null, 1) + '\n';
    const downloads = (place, name, content) => {
      const row = make('div', undefined, { class: 'get' });
      for (const [label, type, write] of [['CSV', 'text/csv', csv], ['JSON', 'application/json', json]]) {
        const button = make('button', label, { type: 'button', 'aria-label': `${name} as ${label}` });
        button.addEventListener('click', () => save(`${name}.${label.toLowerCase()}`, type, write(...content())));
        row.append(button);
      }
      place.after(row);
    };
    tables.filter((t) => t.dataset.name).forEach((table) => downloads(table.closest('.scroll') || table, table.dataset.name, () => {
      const rows = all('tbody tr', table).filter((tr) => !tr.hidden && tr.offsetParent !== null);
      return [all('thead th', table).map((th) => th.textContent), rows.map((tr) => [...tr.cells].map((td) => td.textContent.trim()))];
    }));

    // Words of what is pointed at; a click keeps them.
    const tip = document.body.appendChild(make('aside', undefined, { id: 'tip', role: 'status', hidden: '' }));
    const show = (target, x, y, pin) => {
      const r = record(Number(target.dataset.r));
      if (!r) return;
      const close = make('button', 'Close', { type: 'button' });
      close.addEventListener('click', () => { tip.hidden = true; tip.classList.remove('pinned'); });
      tip.replaceChildren(close, ...lines(r));
      tip.classList.toggle('pinned', pin);
      tip.hidden = false;
      const box = tip.getBoundingClientRect();
      tip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - box.width - 8))}px`;
      tip.style.top = `${Math.max(8, y + 18 + box.height > innerHeight ? y - box.height - 12 : y + 18)}px`;
    };
    const at = (e) => e.target instanceof Element ? e.target.closest('[data-r]') : null;
    document.addEventListener('mouseover', (e) => {
      if (tip.classList.contains('pinned')) return;
      const target = at(e);
      if (target) show(target, e.clientX, e.clientY, false); else tip.hidden = true;
    });
    document.addEventListener('click', (e) => {
      if (tip.contains(e.target)) return;
      const target = at(e);
      if (target) return show(target, e.clientX, e.clientY, true);
      tip.hidden = true;
      tip.classList.remove('pinned');
    });
    document.addEventListener('keydown', (e) => { if (e.key === 'Escape') { tip.hidden = true; tip.classList.remove('pinned'); } });

    // The page of all records.
    const sheet = document.getElementById('records');
    if (sheet && data) {
      const most = 400, body = sheet.tBodies[0], count = document.getElementById('count');
      const records = data.rows.map((_, i) => record(i));
      const texts = records.map((r) => `${r.kernel} ${r.shape} ${r.dims} ${r.variant} ${r.machine} ${r.machine_name} ${r.tier} ${r.status} ${r.bound}`.toLowerCase());
      let chosen = [];
      window.retrobenchAll = (words) => {
        const off = (document.body.dataset.hide || '').split(' ');
        chosen = records.map((r, i) => i).filter((i) => !off.includes(records[i].tier) && words.every((w) => texts[i].includes(w)));
        const row = (i) => {
          const r = records[i], tr = make('tr', undefined, { 'data-t': r.tier });
          const band = r.reason || (r.low_ns < r.high_ns ? `${time(r.low_ns)} – ${time(r.high_ns)}` : 'exact');
          const cells = [[r.kernel], [`${r.shape} ${r.dims}`], [`${r.rung} ${r.variant}`], [r.machine_name], [r.tier], [r.status],
            [r.reason ? '–' : time(r.time_ns), r.time_ns], [band], [r.speedup ? ratio(r.speedup) : '–', r.speedup], [r.bound || '–']];
          tr.append(...cells.map(([text, figure], c) => make('td', text, { ...(figure && { 'data-v': figure }), ...(c === 6 && { 'data-r': i }) })));
          tr.append(make('td'));
          tr.lastChild.append(make('code', r.reproduce));
          return tr;
        };
        body.replaceChildren(...chosen.slice(0, most).map(row));
        count.textContent = `${chosen.length} of ${records.length} records` + (chosen.length > most ? `, the first ${most} shown` : '');
      };
      const again = () => window.retrobenchAll(search.value.toLowerCase().split(/\s+/).filter(Boolean));
      boxes.forEach((b) => b.addEventListener('change', again));
      search.value = decodeURIComponent(location.hash.slice(1));
      again();
      const heads = ['kernel', 'shape', 'dims', 'variant', 'rung', 'machine', 'machine_name', 'year', 'tier', 'isa', 'threads', 'status',
        'reason', 'time_ns', 'low_ns', 'high_ns', 'speedup', 'speedup_low', 'speedup_high', 'warm', 'floor_ns', 'bound', 'operations',
        'bytes', 'nmse', 'backward_error', 'commit', 'rustc', 'cpu', 'seed', 'command', 'reproduce'];
      downloads(count, 'records', () => [heads, chosen.map((i) => heads.map((h) => records[i][h] ?? null))]);
    }
    root.dataset.ready = Math.round(performance.now());
  });
})();
