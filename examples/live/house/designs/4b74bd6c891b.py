import heapq
import math
import re
from collections import Counter, defaultdict

import numpy as np

from alma.memory import Episode, Memory, Recall, Situation

DIRS = ("north", "south", "east", "west")
OPP = {"north": "south", "south": "north", "east": "west", "west": "east"}
ROOM = re.compile(r"-=\s*(.+?)\s*=-")
EXIT = re.compile(r"\b(?:to the|going|leading|go|heads?|towards?)\s+(north|south|east|west)\b")
DOOR = re.compile(r"\b(closed|open|opened)\s+([^.,!?:;\n]{2,40}?)\s+leading\s+(north|south|east|west)\b")
ARTICLES = ("the ", "a ", "an ", "some ")


def clean(name):
    name = name.strip().strip(".!?,").strip()
    low = name.lower()
    for a in ARTICLES:
        if low.startswith(a):
            return name[len(a):].strip()
    return name


def key(name):
    return clean(name).lower()


def parse_goal(goal):
    """(thing, destination or None) of the goal's sentence."""
    g = " ".join(goal.split()).strip()
    m = re.search(r"\b(?:bring|put|carry|move|deliver|place|take|get|insert)\s+(?:the |a |an |some )?(.+?)\s+"
                  r"(?:to|on|in|into|onto|inside|at)\s+(?:the |a |an )?(.+?)[.!]*$", g, re.I)
    if m:
        return key(m.group(1)), key(m.group(2))
    m = re.search(r"\b(?:find|take|get|fetch|locate|pick up)\s+(?:the |a |an |some )?(.+?)"
                  r"(?:\s+and\s+(?:take|get|grab|pick)\b.*)?[.!]*$", g, re.I)
    if m:
        return key(m.group(1)), None
    return key(g), None


def same(a, b):
    a, b = a.lower(), b.lower()
    return a == b or set(a.split()) <= set(b.split())


def is_door(name):
    n = name.lower()
    return n.endswith("door") or n.endswith("gate")


class Trace:
    """What an episode (whole or so far) shows about its house."""

    def __init__(self, situation, steps):
        self.cur = ""
        self.start = ""
        self.exits = {}
        self.edges = {}
        self.doors = {}      # (room, dir) -> name
        self.closed = {}     # (room, dir) -> bool
        self.things = defaultdict(set)
        self.openable = defaultdict(set)
        self.opened = set()
        self.first = {}
        self.seen = {}
        self.names = {}
        self.carried = set()
        self.failed = Counter()
        self.adm = ()
        self.visits = Counter()
        self._look(situation.observation or "", situation.admissible, None)
        self.start = self.cur
        for s in steps:
            self._step(s)

    def _step(self, s):
        act = " ".join((s.action or "").split())
        low = act.lower()
        old = self.cur
        if s.error:
            self.failed[(old, low)] += 1
            if s.admissible is not None:
                self._look("", s.admissible, None)
            return
        moved = low[3:] if low.startswith("go ") else None
        if low.startswith("take "):
            item = key(re.split(r"\s+from\s+", act[5:])[0])
            self.carried.add(item)
            self.seen.pop(item, None)
        else:
            m = re.match(r"(?:put|insert|drop|eat|drink|place)\s+(.+?)(?:\s+(?:on|into|in|onto)\s+.+)?$", low)
            if m:
                self.carried.discard(key(m.group(1)))
        m = re.match(r"(open|close)\s+(.+)$", low)
        if m:
            for (r, d), n in list(self.doors.items()):
                if r == old and n == m.group(2):
                    self.closed[(r, d)] = m.group(1) == "close"
        self._look(s.observation or "", s.admissible, moved)

    def _look(self, obs, adm, moved):
        m = ROOM.search(obs)
        if m:
            room = m.group(1).strip().lower()
            if moved in OPP and self.cur and room != self.cur:
                self.edges[(self.cur, moved)] = room
                self.edges[(room, OPP[moved])] = self.cur
                self.closed[(self.cur, moved)] = False
            if room != self.cur:
                self.visits[room] += 1
            back = OPP[moved] if moved in OPP and room != self.cur else None
            self.cur = room
            ex = self.exits.setdefault(room, set())
            ex.update(EXIT.findall(obs.lower()))
            if back:
                ex.add(back)
            for state, name, d in DOOR.findall(obs.lower()):
                self.doors[(room, d)] = clean(name)
                self.closed[(room, d)] = state == "closed"
        room = self.cur
        if adm is None:
            self.adm = ()
            return
        self.adm = tuple(adm)
        here = {}
        for a in adm:
            a = " ".join(a.split())
            verb, _, rest = a.partition(" ")
            verb = verb.lower()
            if not rest:
                continue
            if verb == "go" and rest.lower() in OPP:
                self.exits.setdefault(room, set()).add(rest.lower())
                self.closed[(room, rest.lower())] = False
            elif verb == "take":
                parts = re.split(r"\s+from\s+", rest)
                item = key(parts[0])
                holder = key(parts[1]) if len(parts) > 1 else ""
                here[item] = (room, holder)
                self.names[item] = clean(parts[0])
            elif verb == "examine":
                self.things[room].add(key(rest))
            elif verb in ("open", "close"):
                n = key(rest)
                if is_door(n) or any(x == n for (r, d), x in self.doors.items() if r == room):
                    continue
                self.openable[room].add(n)
                if verb == "close":
                    self.opened.add((room, n))
            elif verb in ("drop", "put", "insert"):
                self.carried.add(key(re.split(r"\s+(?:on|into|in|onto)\s+", rest)[0]))
        for item in [i for i, l in self.seen.items() if l[0] == room and i not in here]:
            if (room, self.seen[item][1]) in self.opened and self.seen[item][1] in self.openable[room]:
                continue
            del self.seen[item]
        for item, loc in here.items():
            self.carried.discard(item)
            self.seen[item] = loc
            self.first.setdefault(item, loc)


class House:
    def __init__(self):
        self.n = 0
        self.ex = defaultdict(Counter)
        self.ed = defaultdict(Counter)
        self.dr = defaultdict(Counter)
        self.starts = Counter()

    def add(self, p):
        self.n += 1
        self.starts[p["start"]] += 1
        for r, e in p["exits"].items():
            self.ex[r][tuple(sorted(e))] += 1
            for d in e:
                self.dr[(r, d)][(r, d) in p["doors"]] += 1
        for k, v in p["edges"].items():
            self.ed[k][v] += 1

    def merge(self, o):
        self.n += o.n
        self.starts.update(o.starts)
        for a, b in ((self.ex, o.ex), (self.ed, o.ed), (self.dr, o.dr)):
            for k, c in b.items():
                a[k].update(c)

    def exits(self):
        return {r: set(c.most_common(1)[0][0]) for r, c in self.ex.items() if c}

    def edges(self):
        return {k: c.most_common(1)[0][0] for k, c in self.ed.items() if c}


def agreement(exits, edges, exits2, edges2):
    s = 0.0
    for r, e in exits.items():
        f = exits2.get(r)
        if f is not None:
            s += 1.0 if e == f else -3.0
    for k, v in edges.items():
        w = edges2.get(k)
        if w is not None:
            s += 1.0 if w == v else -5.0
    return s


class HouseMapSearcher(Memory):
    def __init__(self, kit):
        super().__init__(kit)
        self.kit = kit
        self.partials = []
        self.houses = []
        self.item_loc = {}          # item -> Counter of (room, holder)
        self.loc_obs = Counter()    # (room, holder) -> episodes that saw into it
        self.thing_room = {}        # thing -> Counter of rooms
        self.room_obs = Counter()
        self.closable = set()
        self.adj = {}               # room -> Counter of neighbours
        self.emb = {}

    # ---------------------------------------------------------------- learning
    async def update(self, episode: Episode) -> None:
        t = Trace(episode.situation, episode.steps)
        if not t.cur:
            return
        self.partials.append({"start": t.start, "exits": {r: set(e) for r, e in t.exits.items()},
                              "edges": dict(t.edges), "doors": set(t.doors)})
        for r in t.exits:
            self.room_obs[r] += 1
        for r, hs in t.openable.items():
            for h in hs:
                self.closable.add((r, h))
        for (r, h) in t.opened:
            self.loc_obs[(r, h)] += 1
        for item, loc in t.first.items():
            self.item_loc.setdefault(item, Counter())[loc] += 1
        for r, ths in t.things.items():
            for th in ths:
                self.thing_room.setdefault(th, Counter())[r] += 1
        new = [i for i in t.first if i not in self.emb]
        goal_thing, _ = parse_goal(episode.situation.goal)
        if goal_thing and goal_thing not in self.emb and goal_thing not in new:
            new.append(goal_thing)
        if new:
            vecs = await self.kit.embed(new)
            for n, v in zip(new, vecs):
                self.emb[n] = np.asarray(v, dtype=float)
        self._cluster()

    def _cluster(self):
        houses = []
        for p in sorted(self.partials, key=lambda q: -len(q["edges"])):
            if len(p["edges"]) < 2:
                continue
            best, bs = None, -99.0
            for h in houses:
                s = agreement(p["exits"], p["edges"], h.exits(), h.edges())
                if s > bs:
                    best, bs = h, s
            if best is not None and bs >= 3.0:
                best.add(p)
            else:
                h = House()
                h.add(p)
                houses.append(h)
        merged = True
        while merged and len(houses) > 1:
            merged = False
            top = None
            for i in range(len(houses)):
                ei, gi = houses[i].exits(), houses[i].edges()
                for j in range(i + 1, len(houses)):
                    s = agreement(ei, gi, houses[j].exits(), houses[j].edges())
                    if s >= 4.0 and (top is None or s > top[0]):
                        top = (s, i, j)
            if top:
                houses[top[1]].merge(houses[top[2]])
                del houses[top[2]]
                merged = True
        self.houses = houses
        adj = {}
        for h in houses:
            for (r, d), q in h.edges().items():
                adj.setdefault(r, Counter())[q] += 1
        self.adj = adj

    # ---------------------------------------------------------------- priors
    def _rates(self, counts):
        out = {}
        for loc, c in counts.items():
            n = self.loc_obs[loc] if loc in self.closable else self.room_obs[loc[0]]
            out[loc] = c / (max(n, c) + 1.0)
        return out

    async def _where_item(self, item):
        """Probability of each (room, holder) for this thing."""
        def norm(d):
            s = sum(d.values())
            return {k: v / s for k, v in d.items()} if s > 0 else {}

        exact = Counter()
        for i, c in self.item_loc.items():
            if i == item:
                exact.update(c)
        n = sum(exact.values())
        generic, simil = Counter(), Counter()
        vec = self.emb.get(item)
        if vec is None and self.emb and n < 6:
            vec = np.asarray((await self.kit.embed([item]))[0], dtype=float)
        words = item.split()
        for i, c in self.item_loc.items():
            rates = self._rates(c)
            w = 0.0
            if i != item:
                if vec is not None and i in self.emb:
                    w = max(0.0, float(np.dot(vec, self.emb[i]))) ** 4
                if words and i.split() and i.split()[-1] == words[-1]:
                    w += 1.0
                elif set(words) & set(i.split()) - {"of", "and"}:
                    w += 0.4
            for loc, r in rates.items():
                generic[loc] += r
                if w > 0:
                    simil[loc] += w * r
        total = Counter()
        for part, w in ((norm(self._rates(exact)), float(n)), (norm(simil), 1.5), (norm(generic), 0.4)):
            for loc, p in part.items():
                total[loc] += w * p
        return norm(total)

    def _where_thing(self, thing):
        c = Counter()
        for t, rc in self.thing_room.items():
            if t == thing:
                c.update(rc)
        if not c:
            for t, rc in self.thing_room.items():
                if set(t.split()) & set(thing.split()):
                    for r, k in rc.items():
                        c[r] += 0.3 * k
        rates = {r: k / (self.room_obs[r] + 1.0) for r, k in c.items()}
        s = sum(rates.values())
        return {(r, ""): v / s for r, v in rates.items()} if s > 0 else {}

    # ---------------------------------------------------------------- planning
    def _world(self, t, house):
        exits = house.exits() if house else {}
        edges = house.edges() if house else {}
        for k in list(edges):
            r, d = k
            if r in t.exits and d not in t.exits[r]:
                del edges[k]
        for r, e in t.exits.items():
            exits[r] = set(e)
        edges.update(t.edges)
        for (r, d), q in list(edges.items()):
            edges.setdefault((q, OPP[d]), r)
        return exits, edges

    def _door_cost(self, t, house, r, d):
        if (r, d) in t.closed:
            return 1.0 if t.closed[(r, d)] else 0.0
        if r in t.exits:
            return 1.0 if (r, d) in t.doors else 0.0
        if house and (r, d) in house.dr:
            c = house.dr[(r, d)]
            return 0.7 * c[True] / max(1, c[True] + c[False])
        return 0.2

    def _paths(self, t, house, edges):
        dist, prev = {t.cur: 0.0}, {}
        heap = [(0.0, t.cur)]
        out = defaultdict(list)
        for (r, d), q in edges.items():
            out[r].append((d, q))
        while heap:
            c, r = heapq.heappop(heap)
            if c > dist.get(r, 1e9):
                continue
            for d, q in sorted(out[r]):
                n = c + 1.0 + self._door_cost(t, house, r, d)
                if n < dist.get(q, 1e9) - 1e-9:
                    dist[q] = n
                    prev[q] = (r, d)
                    heapq.heappush(heap, (n, q))
        return dist, prev

    def _move(self, t, r, d):
        """Commands that leave room r towards d."""
        if r == t.cur and t.adm:
            low = [a.lower() for a in t.adm]
            if "go " + d in low:
                return ["go " + d]
            name = t.doors.get((r, d))
            known = {n for (q, e), n in t.doors.items() if q == r}
            for a in t.adm:
                n = key(a[5:]) if a.lower().startswith("open ") else ""
                if n and (n == name or (name is None and is_door(n) and n not in known)):
                    return [a, "go " + d]
            return ["go " + d]
        if t.closed.get((r, d)) and (r, d) in t.doors:
            return ["open " + t.doors[(r, d)], "go " + d]
        return ["go " + d]

    def _route(self, t, prev, room):
        legs = []
        while room != t.cur and room in prev:
            r, d = prev[room]
            legs.append((r, d))
            room = r
        acts = []
        for r, d in reversed(legs):
            acts += self._move(t, r, d)
        return acts

    def _search(self, t, house, where, containers):
        """Best actions towards where the thing may be, by chance per step."""
        exits, edges = self._world(t, house)
        dist, prev = self._paths(t, house, edges)
        best = (0.0, [])
        mapped = set(exits) | set(edges.values())
        for room, d0 in dist.items():
            visited = room in t.exits
            gain = 0.0
            conts = []
            if visited:
                if containers:
                    conts = [(where.get((room, h), 0.0) + 0.004, h) for h in t.openable.get(room, ())
                             if (room, h) not in t.opened]
            else:
                for (r, h), p in where.items():
                    if r != room:
                        continue
                    if (r, h) in self.closable:
                        if containers:
                            conts.append((p, h))
                    else:
                        gain += p
                gain += 0.004
            options = [(gain, d0, None)] if d0 > 0 and not visited else []
            g, c = gain, d0
            conts.sort(reverse=True)
            for p, h in conts:
                g, c = g + p, c + 1.0
                options.append((g, c, h))
            for g, c, h in options:
                v = g / max(c, 0.5)
                if v > best[0]:
                    acts = self._route(t, prev, room)
                    acts = acts + ["open " + x for _, x in conts[:1 if h else 0]]
                    if acts:
                        best = (v, acts)
        # exits that lead nobody knows where
        fronts = [(r, d) for r in dist for d in exits.get(r, ()) if (r, d) not in edges]
        by_room = Counter()
        for (r, h), p in where.items():
            by_room[r] += p
        rest = {r: p for r, p in by_room.items() if r not in mapped}
        missing = sum(rest.values())
        for r, d in fronts:
            near = self.adj.get(r, Counter())
            cand = {q: near[q] + 0.15 for q in set(self.room_obs) if q not in mapped}
            s = sum(cand.values())
            p = sum(w / s * by_room.get(q, 0.0) for q, w in cand.items()) if s > 0 else 0.0
            p += 0.4 * missing / max(1, len(fronts)) + 0.006
            c = dist[r] + 1.0 + self._door_cost(t, house, r, d) + 0.3
            if p / c > best[0]:
                acts = self._route(t, prev, r) + self._move(t, r, d)
                best = (p / c, acts)
        return best

    def _goto(self, t, house, room):
        exits, edges = self._world(t, house)
        dist, prev = self._paths(t, house, edges)
        return self._route(t, prev, room) if room in dist else []

    def _act(self, t, pattern):
        for a in t.adm:
            if pattern(a.lower()):
                return a
        return None

    def _plan(self, t, house, x, y, wx, wy):
        known_y = y in self.thing_room or any(y in ths for ths in t.things.values())

        def is_y(name):
            return name == y if known_y else same(y, name)
        have = next((i for i in t.carried if i == x), None) or next(
            (i for i in t.carried if same(x, i)), None)
        if have is None:
            def takes(a, exact):
                if not a.startswith("take "):
                    return False
                item = key(re.split(r"\s+from\s+", a[5:])[0])
                return item == x if exact else same(x, item)
            a = self._act(t, lambda s: takes(s, True)) or self._act(t, lambda s: takes(s, False))
            if a:
                return [a], 1.0
            loc = t.seen.get(x) or next((l for i, l in t.seen.items() if same(x, i)), None)
            if loc and loc[0] != t.cur:
                acts = self._goto(t, house, loc[0])
                if acts:
                    return acts, 1.0
            v, acts = self._search(t, house, wx, True)
            return acts, v
        if not y:
            return [], 0.0

        def puts(a):
            m = re.match(r"(?:put|insert|place)\s+(.+?)\s+(?:on|into|in|onto)\s+(.+)$", a)
            return bool(m) and key(m.group(1)) == have and is_y(key(m.group(2)))
        a = self._act(t, puts)
        if a:
            return [a], 1.0
        rooms = set(self.room_obs) | set(t.exits)
        target = y if y in rooms else None
        if target == t.cur:
            a = self._act(t, lambda s: s.startswith("drop ") and key(s[5:]) == have)
            if a:
                return [a], 1.0
        a = self._act(t, lambda s: s.startswith("open ") and is_y(key(s[5:])))
        if a:
            return [a], 1.0
        if target is None:
            for r, ths in t.things.items():
                if r != t.cur and y in ths:
                    target = r
        if target and target != t.cur:
            acts = self._goto(t, house, target)
            if acts:
                return acts, 1.0
        v, acts = self._search(t, house, {(target, ""): 1.0} if target else wy, False)
        return acts, v

    async def _advise(self, situation, steps):
        t = Trace(situation, steps)
        if not t.cur:
            return None
        x, y = parse_goal(situation.goal)
        wx = await self._where_item(x)
        wy = self._where_thing(y) if y else {}
        ranked = []
        for h in self.houses:
            s = agreement(t.exits, t.edges, h.exits(), h.edges())
            if s > 0:
                w = math.exp(min(s, 30.0)) * math.sqrt(h.n) * (1.0 + min(h.starts[t.start], 4))
                ranked.append((w, h))
        ranked.sort(key=lambda p: -p[0])
        ranked = ranked[:5] or [(1.0, None)]
        votes, plans = Counter(), {}
        for w, h in ranked:
            acts, v = self._plan(t, h, x, y, wx, wy)
            if not acts:
                continue
            first = acts[0]
            if t.adm:
                low = {a.lower(): a for a in t.adm}
                if first.lower() not in low:
                    continue
                first = low[first.lower()]
                acts = [first] + acts[1:]
            if t.failed[(t.cur, first.lower())] > 1:
                continue
            votes[first] += w
            plans.setdefault(first, acts)
        if not votes:
            return None
        first = plans[votes.most_common(1)[0][0]][0]
        return self._show(situation.goal, steps, t, x, y, first)

    def _show(self, goal, steps, t, x, y, first):
        """The next action as a plan and as hints. No other line is possible now, and none
        names the thing once it is held: both would draw the agent to something else."""
        low = {a.lower() for a in t.adm}
        held = any(same(x, i) for i in t.carried)
        taken = held or any((s.action or "").lower().startswith("take " + x) for s in steps)
        if y and (held or first.lower().startswith("take ")):
            last = "examine " + y
        else:
            last = "take " + x
        if last.lower() in low:
            last = first
        # lists that differ from step to step are read from their first line
        lines = [first] + [last] * (1 + len(steps) % 2)
        blocks = [goal.strip() + ":\n" + "\n".join("- " + a for a in lines)]
        if y and taken:
            # hints under words of the goal that no action names stay alive after the thing is taken
            spent = set((x + " " + y).split())
            words = []
            for w in re.findall(r"[a-z]+", goal.lower()):
                if w not in spent and w not in words:
                    words.append(w)
            if words:
                blocks.append(" ".join(words) + ":\n- " + first)
            blocks.append(y + ":\n- " + first)
        return "\n\n".join(blocks)

    async def retrieve(self, situation: Situation):
        text = await self._advise(situation, ())
        return Recall(show=text, keep=None) if text else None

    async def on_step(self, situation: Situation, history):
        text = await self._advise(situation, history)
        return Recall(show=text, keep=None) if text else Recall(show="", keep=None)