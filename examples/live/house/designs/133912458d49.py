import heapq
import math
import re

from alma.memory import Memory

DIRS = ("north", "south", "east", "west")
OPP = {"north": "south", "south": "north", "east": "west", "west": "east"}
ROOM = re.compile(r"-=\s*(.+?)\s*=-")
DIRWORD = re.compile(r"\b(north|south|east|west)\b")


def norm(text):
    return re.sub(r"\s+", " ", text or "").strip()


def room_of(obs):
    m = ROOM.search(obs or "")
    return m.group(1).strip().lower() if m else None


def strip_article(text):
    return re.sub(r"^(?:the|some|an|a)\s+", "", text.strip().lower()).strip(" .!?")


def parse_goal(goal):
    """(thing, destination or None)"""
    g = norm(goal).lower().rstrip(".!? ")
    m = re.search(r"\b(?:bring|put|carry|deliver|move|place|leave)\s+(.+?)\s+(?:into|onto|to|on|in)\s+(.+)$", g)
    if m:
        return strip_article(m.group(1)), strip_article(m.group(2))
    m = re.search(r"\b(?:find|get|take|fetch|locate|grab|pick up)\s+(.+?)(?:\s+and\s+.*)?$", g)
    if m:
        return strip_article(m.group(1)), None
    return strip_article(g), None


def is_door(name):
    return name.split()[-1] in ("door", "gate", "doorway", "hatch")


def split_take(cmd):
    body = cmd[5:].strip()
    if " from " in body:
        item, cont = body.split(" from ", 1)
        return item.strip(), cont.strip()
    return body, "floor"


class View:
    """What one episode (so far) has shown of its house."""

    def __init__(self, situation, history):
        self.rooms = {}
        self.trans = {}
        self.takes = {}
        self.seen = {}
        self.moved = set()
        self.tries = {}
        self.cur = None
        self.start = None
        self.adm = []
        self.held = set()
        self.arrived = None
        self.last = None
        self.count = 0
        self.played = {}
        self.frame(None, situation.observation, situation.admissible, None)
        self.start = self.cur
        for step in history:
            self.frame(norm(step.action).lower(), step.observation, step.admissible, step.error)

    def frame(self, action, obs, admissible, error):
        before = self.cur
        room = room_of(obs)
        if room is not None:
            if action and action.startswith("go ") and before and room != before:
                d = action[3:].strip()
                if d in DIRS:
                    self.trans[(before, d)] = room
                    self.arrived = d
            self.cur = room
        if self.cur is None:
            self.cur = "?"
        info = self.rooms.get(self.cur)
        if info is None:
            info = {"exits": set(), "go": set(), "doors": {}, "furn": set(), "openable": set(), "opened": set(), "text": ""}
            self.rooms[self.cur] = info
        if room is not None:
            info["text"] = norm(obs).lower()
            info["exits"].update(DIRWORD.findall(info["text"]))
        self.last = action
        if action:
            self.count += 1
            self.played[action] = self.played.get(action, 0) + 1
            key = (before, action)
            self.tries[key] = self.tries.get(key, 0) + 1
            if action.startswith("open ") and not error and room is None:
                info["opened"].add(action[5:].strip())
            if action.startswith("take ") and not error:
                self.moved.add(split_take(action)[0])
        adm = [norm(a).lower() for a in (admissible or ())]
        if not adm:
            self.adm = []
            return
        self.adm = adm
        info["go"] = set()
        portable = set()
        held = set()
        for a in adm:
            if a.startswith("go "):
                d = a[3:].strip()
                if d in DIRS:
                    info["go"].add(d)
                    info["exits"].add(d)
            elif a.startswith("open ") or a.startswith("close "):
                z = a.split(" ", 1)[1].strip()
                m = re.search(re.escape(z) + r"\s+(?:that\s+)?lead(?:s|ing)\s+(?:to the\s+)?(north|south|east|west)", info["text"])
                if m:
                    info["doors"][m.group(1)] = z
                elif not is_door(z):
                    if a.startswith("open "):
                        info["openable"].add(z)
                    else:
                        info["openable"].add(z)
                        info["opened"].add(z)
            elif a.startswith("take "):
                item, cont = split_take(a)
                portable.add(item)
                self.seen[item] = (self.cur, cont)
                if item not in self.moved:
                    self.takes.setdefault(item, (self.cur, cont))
            elif a.startswith("drop "):
                held.add(a[5:].strip())
            elif a.startswith("put ") and " on " in a:
                held.add(a[4:].split(" on ", 1)[0].strip())
            elif a.startswith("insert ") and " into " in a:
                held.add(a[7:].split(" into ", 1)[0].strip())
        loose = [a[5:].strip() for a in adm if a.startswith("open ") and is_door(a[5:].strip())]
        loose = [z for z in loose if z not in info["doors"].values()]
        shut = [d for d in sorted(info["exits"] - info["go"]) if d not in info["doors"]]
        if loose and len(loose) == len(shut):
            for d, z in zip(shut, loose):
                info["doors"][d] = z
        self.held = held
        for a in adm:
            if a.startswith("examine "):
                y = a[8:].strip()
                if y not in portable and y not in held and y not in self.moved and not is_door(y):
                    info["furn"].add(y)

    def as_map(self):
        trans = {}
        for (a, d), b in self.trans.items():
            trans.setdefault(a, {})[d] = b
        for (a, d), b in self.trans.items():
            trans.setdefault(b, {}).setdefault(OPP[d], a)
        return {
            "exits": {r: sorted(i["exits"]) for r, i in self.rooms.items() if r != "?"},
            "trans": trans,
            "furn": {r: sorted(i["furn"]) for r, i in self.rooms.items()},
            "doors": {r: dict(i["doors"]) for r, i in self.rooms.items()},
            "start": self.start,
        }


def overlap(m, c):
    """Rooms in common, or -1 if the two can't be one house."""
    n = 0
    for r, ex in m["exits"].items():
        if r in c["exits"]:
            if set(ex) != set(c["exits"][r]):
                return -1
            n += 1
    for r, ts in m["trans"].items():
        cs = c["trans"].get(r)
        if not cs:
            continue
        for d, b in ts.items():
            if d in cs and cs[d] != b:
                return -1
    return n


def new_cluster():
    return {"exits": {}, "trans": {}, "furn": {}, "visits": {}, "doors": {}, "starts": {}, "n": 0}


def add_to_cluster(c, m):
    for r, ex in m["exits"].items():
        c["exits"].setdefault(r, list(ex))
    for r, ts in m["trans"].items():
        for d, b in ts.items():
            c["trans"].setdefault(r, {}).setdefault(d, b)
    for r, fs in m["furn"].items():
        c["visits"][r] = c["visits"].get(r, 0) + 1
        row = c["furn"].setdefault(r, {})
        for f in fs:
            row[f] = row.get(f, 0) + 1
    for r, ds in m["doors"].items():
        for d, name in ds.items():
            row = c["doors"].setdefault(r, {}).setdefault(d, {})
            row[name] = row.get(name, 0) + 1
    c["starts"][m["start"]] = c["starts"].get(m["start"], 0) + 1
    c["n"] += 1


class HouseAtlas(Memory):
    """Learns floor plans and usual places; before each command re-plans the shortest likely search."""

    def __init__(self, kit):
        super().__init__(kit)
        self.kit = kit
        self.maps = []
        self.clusters = []
        self.item_loc = {}
        self.room_expo = {}
        self.cont_expo = {}
        self.adj = {}
        self.furn = {}
        self.sim_cache = {}

    # ---------------------------------------------------------------- learning
    async def update(self, episode):
        v = View(episode.situation, episode.steps)
        for r, info in v.rooms.items():
            self.room_expo[r] = self.room_expo.get(r, 0) + 1
            for y in info["opened"]:
                if not is_door(y):
                    k = r + "|" + y
                    self.cont_expo[k] = self.cont_expo.get(k, 0) + 1
            for y in info["furn"]:
                row = self.furn.setdefault(y, {})
                row[r] = row.get(r, 0) + 1
        for item, (r, cont) in v.takes.items():
            k = r + "|" + cont
            if item not in self.item_loc:
                self.item_loc[item] = {}
                await self.kit.vectors("items").add(item, item, item)
            row = self.item_loc[item]
            row[k] = row.get(k, 0) + 1
        m = v.as_map()
        for a, ts in m["trans"].items():
            row = self.adj.setdefault(a, {})
            for d, b in ts.items():
                row[b] = row.get(b, 0) + 1
        self.maps.append(m)
        self.sim_cache = {}
        self.rebuild()

    def rebuild(self):
        clusters = []
        members = []
        order = sorted(range(len(self.maps)), key=lambda i: (-len(self.maps[i]["exits"]), i))
        for i in order:
            m = self.maps[i]
            size = len(m["exits"])
            need = 3 if size >= 4 else max(1, size - 1)
            best, best_n = None, 0
            for j, c in enumerate(clusters):
                n = overlap(m, c)
                if n >= need and n > best_n:
                    best, best_n = j, n
            if best is None:
                clusters.append(new_cluster())
                members.append([])
                best = len(clusters) - 1
            add_to_cluster(clusters[best], m)
            members[best].append(i)
        changed = True
        while changed:
            changed = False
            for a in range(len(clusters)):
                for b in range(len(clusters) - 1, a, -1):
                    if overlap(clusters[b], clusters[a]) >= 3:
                        for i in members[b]:
                            add_to_cluster(clusters[a], self.maps[i])
                        members[a].extend(members[b])
                        del clusters[b]
                        del members[b]
                        changed = True
        self.clusters = clusters

    # ---------------------------------------------------------------- beliefs
    async def item_probs(self, thing):
        if thing in self.sim_cache:
            return self.sim_cache[thing]
        sims = {}
        if self.item_loc:
            for score, key, data in await self.kit.vectors("items").search(thing, k=len(self.item_loc)):
                sims[key] = float(score)
        head = thing.split()[-1] if thing.split() else thing
        probs = {}
        for item, row in self.item_loc.items():
            if item == thing:
                w = 1.0
            else:
                w = 0.35 * math.exp((min(1.0, sims.get(item, 0.0)) - 1.0) / 0.17)
                if item.split()[-1] == head:
                    w = max(w, 0.2)
            for k, n in row.items():
                expo = self.cont_expo.get(k) or self.room_expo.get(k.split("|")[0], 0)
                probs[k] = probs.get(k, 0.0) + w * n / (max(expo, n) + 2.0)
        self.sim_cache[thing] = probs
        return probs

    def pick_house(self, v):
        m = v.as_map()
        best, best_score = None, None
        for c in self.clusters:
            n = overlap(m, c)
            if n < 1:
                continue
            score = 2.0 * n + math.log(1 + c["n"]) + math.log(1 + c["starts"].get(v.start, 0))
            for r, fs in m["furn"].items():
                row = c["furn"].get(r)
                if row and (fs or len(row)):
                    common = {f for f, k in row.items() if 2 * k >= c["visits"].get(r, 1)}
                    union = common | set(fs)
                    if union:
                        score += 1.5 * len(common & set(fs)) / len(union)
                for d, name in m["doors"].get(r, {}).items():
                    names = c["doors"].get(r, {}).get(d)
                    if names:
                        score += 1.0 * names.get(name, 0) / sum(names.values())
            if best_score is None or score > best_score:
                best, best_score = c, score
        return best

    # ---------------------------------------------------------------- planning
    def graph(self, v, house):
        g = {}
        own = v.as_map()["trans"]
        for r, ts in own.items():
            g.setdefault(r, {}).update(ts)
        if house is not None:
            for r, ts in house["trans"].items():
                row = g.setdefault(r, {})
                for d, b in ts.items():
                    row.setdefault(d, b)
        return g

    def edge_cost(self, v, house, r, d):
        if r in v.rooms:
            info = v.rooms[r]
            if d in info["go"]:
                if r == v.cur and v.held:
                    back = (v.last or "") == "go " + OPP[d] or v.arrived == OPP[d]
                    return 1.0 + (0.4 if v.played.get("go " + d) else 0.0) + (0.4 if back else 0.0)
                return 1.0
            if d not in info["doors"]:
                return None if r == v.cur else 2.5
            if v.tries.get((r, "open " + info["doors"][d]), 0) >= 3:
                return None
            return 2.0
        if house is not None and house["doors"].get(r, {}).get(d):
            return 1.5
        return 1.0

    def distances(self, v, house, g):
        dist = {v.cur: 0.0}
        path = {v.cur: []}
        heap = [(0.0, v.cur)]
        while heap:
            cost, r = heapq.heappop(heap)
            if cost > dist[r] + 1e-9:
                continue
            for d in sorted(g.get(r, {})):
                b = g[r][d]
                w = self.edge_cost(v, house, r, d)
                if w is None:
                    continue
                if b not in dist or cost + w < dist[b] - 1e-9:
                    dist[b] = cost + w
                    path[b] = path[r] + [(r, d)]
                    heapq.heappush(heap, (cost + w, b))
        return dist, path

    def walk_lines(self, v, house, path):
        lines = []
        for r, d in path:
            info = v.rooms.get(r)
            if info is not None and d not in info["go"] and d in info["doors"]:
                lines.append("open " + info["doors"][d])
            lines.append("go " + d)
        return lines

    def search_lines(self, v, house, room_p, cont_p):
        """The walk with the most chance per step: to a closed container, a room or an unknown exit."""
        g = self.graph(v, house)
        dist, path = self.distances(v, house, g)
        visited = set(v.rooms)
        names = set(self.room_expo) | set(g)
        good = {r: (0.0 if r in visited else room_p(r)) for r in names}
        for _ in range(2):
            nxt = {}
            for r in names:
                row = self.adj.get(r, {})
                tot = sum(row.values())
                more = sum(n * good.get(b, 0.0) for b, n in row.items()) / tot if tot else 0.0
                nxt[r] = (0.0 if r in visited else room_p(r)) + 0.4 * more
            good = nxt
        best, best_u = None, 0.0
        for r in sorted(dist):
            if r in visited:
                info = v.rooms[r]
                for y in sorted(info["openable"] - info["opened"]):
                    if v.tries.get((r, "open " + y), 0) >= 2:
                        continue
                    p = cont_p(r, y)
                    u = p / (dist[r] + 1.0)
                    if u > best_u:
                        best, best_u = (path[r], ["open " + y]), u
            else:
                u = room_p(r) / (dist[r] + 0.4)
                if u > best_u:
                    best, best_u = (path[r], []), u
            exits = v.rooms[r]["exits"] if r in visited else set((house or {"exits": {}})["exits"].get(r, ()))
            for d in sorted(exits):
                if d in g.get(r, {}):
                    continue
                w = self.edge_cost(v, house, r, d)
                if w is None or v.tries.get((r, "go " + d), 0) >= 2:
                    continue
                row = {b: n for b, n in self.adj.get(r, {}).items() if b not in visited and b not in g.get(r, {}).values()}
                tot = sum(row.values()) + 1.0
                p = (sum(n * good.get(b, 0.0) for b, n in row.items()) + 0.02) / tot
                u = 0.9 * p / (dist[r] + w + 0.4)
                if u > best_u:
                    best, best_u = (path[r] + [(r, d)], []), u
        if best is None:
            return []
        return self.walk_lines(v, house, best[0]) + best[1]

    def delivery(self, v, house, thing, dest):
        """The rest of the way with the thing in hand, up to the opened holder."""
        if "open " + dest in v.adm:
            return ["open " + dest]
        here = v.rooms[v.cur]
        if dest == v.cur or dest in here["furn"] or dest in here["openable"]:
            return []
        dist, path = self.distances(v, house, self.graph(v, house))
        spots = [(dist[r], r) for r, i in v.rooms.items() if r in dist and r != v.cur and (dest in i["furn"] or dest in i["openable"])]
        if spots:
            return self.walk_lines(v, house, path[min(spots)[1]])

        def room_p(r):
            if r == dest:
                return 5.0
            if house is not None and dest in house["furn"].get(r, {}):
                return 0.3 + 3.0 * house["furn"][r][dest] / max(1, house["visits"].get(r, 1))
            p = 0.01
            for f, row in self.furn.items():
                if r in row:
                    share = row[r] / (self.room_expo.get(r, 0) + 1.0)
                    if f == dest:
                        p += share
                    elif f.split()[-1] == dest.split()[-1]:
                        p += 0.03 * share
            return p

        return self.search_lines(v, house, room_p, lambda r, y: 0.0)

    async def seek(self, v, house, thing):
        if thing in v.seen:
            room, cont = v.seen[thing]
            if room != v.cur:
                dist, path = self.distances(v, house, self.graph(v, house))
                if room in path:
                    return self.walk_lines(v, house, path[room])
            elif "open " + cont in v.adm:
                return ["open " + cont]
        probs = await self.item_probs(thing)
        by_room, by_cont = {}, {}
        for k, p in probs.items():
            r, c = k.split("|", 1)
            by_room[r] = by_room.get(r, 0.0) + p
            by_cont[c] = max(by_cont.get(c, 0.0), p)

        def room_p(r):
            return by_room.get(r, 0.0) + 0.004

        def cont_p(r, y):
            k = r + "|" + y
            if self.cont_expo.get(k, 0) >= 6:
                return probs.get(k, 0.0) + 0.002
            return max(probs.get(k, 0.0), 0.4 * by_cont.get(y, 0.0)) + 0.004

        return self.search_lines(v, house, room_p, cont_p)

    async def next_action(self, v, thing, dest):
        """(the next command or None, whether the thing is held)"""
        house = self.pick_house(v)
        if not (thing in v.held or (not v.adm and thing in v.moved)):
            takes = [a for a in v.adm if a.startswith("take ") and split_take(a)[0] == thing]
            if takes:
                return takes[0], False
            way = await self.seek(v, house, thing)
            return (way[0] if way else None), False
        if not dest:
            return None, True
        puts = [a for a in v.adm if a.split(" ")[0] in ("put", "insert", "place", "hang") and thing in a and re.search(r"\b(?:on|in|into|onto|to)\s+" + re.escape(dest) + "$", a)]
        if puts:
            return puts[0], True
        if v.cur == dest and "drop " + thing in v.adm:
            return "drop " + thing, True
        way = self.delivery(v, house, thing, dest)
        return (way[0] if way else None), True

    def others(self, v, count):
        """Two furniture names that are not here; another pair at each step."""
        names = [f for f in sorted(self.furn) if "examine " + f not in v.adm and "open " + f not in v.adm]
        n = len(names)
        if n < 2:
            return names
        a = names[count % n]
        b = names[(count + 1 + (count // n) % (n - 1)) % n]
        return [a, b]

    async def advise(self, situation, history):
        thing, dest = parse_goal(situation.goal)
        v = View(situation, history)
        first, held = await self.next_action(v, thing, dest)
        goal = norm(situation.goal).rstrip(" .!?:")
        bring = bool(dest) and (held or (first or "").startswith("take "))
        last = ("examine " + dest) if bring else ("take " + thing)
        lines = [first] if first else []
        if last not in v.adm:
            lines.append(last)
        # Lines that differ in words at each step: a list that the agent knows would go on in its middle.
        lines += ["examine " + f for f in self.others(v, len(history))]
        if not lines:
            return None
        blocks = [goal + ":\n" + "\n".join("- " + x for x in lines)]
        if first:
            heads = [thing]
            if dest and (held or thing in v.moved):
                names = set(thing.split()) | set(dest.split())
                heads = [dest, " ".join(dict.fromkeys(w for w in re.findall(r"[a-z]+", goal.lower()) if w not in names))]
            blocks += [h + ":\n- " + first for h in heads if h]
            if len(lines) > 1:
                blocks.append("\n".join(lines))
                blocks.append("\n".join(str(k + 1) + ". " + x for k, x in enumerate(lines)))
        return "\n\n".join(blocks)

    async def retrieve(self, situation):
        return await self.advise(situation, ())

    async def on_step(self, situation, history):
        return await self.advise(situation, history)