import heapq
import re
from collections import Counter, defaultdict

from alma.memory import Memory, Recall

BACK = {"north": "south", "south": "north", "east": "west", "west": "east"}
ROOM = re.compile(r"-=\s*(.+?)\s*=-")
WAY = re.compile(r"\b(north|south|east|west)\b", re.I)
DOOR = re.compile(
    r"\b(closed|locked|open|opened)\s+([a-z][a-z' -]*?)\s+leading\s+(?:to the\s+)?(north|south|east|west)\b", re.I
)
TAKE = re.compile(r"^(?:take|get|pick up) (.+?)(?: from (.+))?$")
PUT = re.compile(r"^(put|insert|place) (.+?) (on|into|in|onto) (.+)$")
THE = re.compile(r"\bthe ([\w' -]+?)(?= and\b| to\b| into\b| in\b| on\b| from\b|[.,;!?]|$)", re.I)


def parse_goal(goal):
    """The thing of the goal and the place to bring it to ('' when there is none)."""
    names = [" ".join(n.lower().split()) for n in THE.findall(str(goal or ""))]
    return (names[0] if names else ""), (names[1] if len(names) > 1 else "")


class Track:
    """What one play shows: map, doors, holders, things, where the player is, what it carries."""

    def __init__(self, situation):
        self.room = ""
        self.exits, self.edges, self.doors = {}, {}, {}
        self.holders, self.shut, self.exposed = defaultdict(set), {}, set()
        self.first, self.now, self.carried, self.ever = {}, {}, set(), set()
        self.verbs, self.adm, self.steps = {}, [], 0
        self.look(situation.observation, situation.admissible, "")
        self.start = self.room

    def see(self, step):
        action = " ".join(str(step.action or "").lower().split())
        self.steps += 1
        text = str(step.observation or "").lower()
        if not step.error:
            taken, put = TAKE.match(action), PUT.match(action)
            if taken and ("take" in text or "pick" in text):
                self.carried.add(taken.group(1))
            elif put:
                self.carried.discard(put.group(2))
            elif action.startswith("drop "):
                self.carried.discard(action[5:])
            elif action.startswith(("open ", "close ")):
                verb, name = action.split(" ", 1)
                for (room, way), door in list(self.doors.items()):
                    if room == self.room and door[0] == name and verb in text:
                        self.doors[(room, way)] = (name, verb == "close")
        self.look(step.observation, step.admissible, action)

    def look(self, observation, admissible, action):
        flat = " ".join(str(observation or "").split())
        found = ROOM.search(flat)
        if found:
            name = found.group(1).lower()
            way = action[3:] if action.startswith("go ") else ""
            if self.room and way in BACK and name != self.room:
                self.edges[(self.room, way)] = name
                self.edges.setdefault((name, BACK[way]), self.room)
            self.room = name
            ways = self.exits.setdefault(name, set())
            ways.update(w.lower() for w in WAY.findall(flat))
            for state, door, w in DOOR.findall(flat):
                self.doors[(name, w.lower())] = (door.lower(), state.lower() in ("closed", "locked"))
        adm = [" ".join(str(a).lower().split()) for a in (admissible or ())]
        self.adm = adm
        if not self.room or not adm:
            return
        takes, opens, closes, named, mine = {}, set(), set(), set(), set()
        for a in adm:
            taken, put = TAKE.match(a), PUT.match(a)
            if taken:
                takes[taken.group(1)] = taken.group(2) or ""
            elif put:
                mine.add(put.group(2))
                named.add(put.group(4))
                self.verbs[put.group(4)] = (put.group(1), put.group(3))
            elif a.startswith("drop "):
                mine.add(a[5:])
            elif a.startswith("open "):
                opens.add(a[5:])
            elif a.startswith("close "):
                closes.add(a[6:])
            elif a.startswith("examine "):
                named.add(a[8:])
            elif a.startswith("go ") and a[3:] in BACK:
                self.exits.setdefault(self.room, set()).add(a[3:])
        self.carried |= mine
        self.ever |= self.carried
        doors = {d[0] for (r, _), d in self.doors.items() if r == self.room}
        holders = named | opens | closes | {h for h in takes.values() if h}
        holders -= set(takes) | mine | self.carried | doors
        holders = {h for h in holders if not h.endswith((" door", " gate"))}
        self.exposed.add((self.room, ""))
        for h in holders:
            self.holders[self.room].add(h)
            self.shut.setdefault((self.room, h), h in opens)
            if h not in opens:
                self.exposed.add((self.room, h))
        for x, h in takes.items():
            self.now[x] = (self.room, h)
            if x not in self.ever:
                self.first.setdefault(x, (self.room, h))

    def knows_shut(self, room, holder):
        return holder and (room, holder) not in self.exposed

    def door_command(self, way):
        """The command that opens the way out of the present room, '' when none is needed or known."""
        if "go " + way in self.adm:
            return ""
        door = self.doors.get((self.room, way))
        if door and door[1]:
            return "open " + door[0]
        if not door and self.adm:
            other = [a for a in self.adm if a.startswith("open ") and a.endswith((" door", " gate"))]
            if len(other) == 1:
                return other[0]
        return ""


class House:
    """A map put together from the plays that agree with each other."""

    def __init__(self):
        self.links, self.ways, self.starts = defaultdict(Counter), defaultdict(Counter), Counter()
        self.holders, self.doored, self.size = defaultdict(Counter), set(), 0
        self.edges, self.exits = {}, {}

    def add(self, note):
        self.size += 1
        self.starts[note["start"]] += 1
        for key, to in note["edges"].items():
            self.links[key][to] += 1
            self.edges[key] = self.links[key].most_common(1)[0][0]
        for room, ways in note["exits"].items():
            self.ways[room][frozenset(ways)] += 1
            self.exits[room] = set(self.ways[room].most_common(1)[0][0])
        for room, hs in note["holders"].items():
            self.holders[room].update(hs)
        self.doored |= note["doored"]

    def agreement(self, edges, exits):
        """How far a map fits this house; None when the two contradict each other."""
        score = 0.0
        for (room, way), to in edges.items():
            mine = self.edges.get((room, way))
            if mine is not None and mine != to:
                return None
            score += 1.0 if mine == to else 0.0
        for room, ways in exits.items():
            if room in self.exits:
                score += 1.0 if set(ways) == self.exits[room] else -1.0
        return score


def cluster(notes):
    houses = []
    for note in sorted(notes, key=lambda n: -len(n["edges"])):
        best, top = None, 0.5
        for house in houses:
            score = house.agreement(note["edges"], note["exits"])
            if score is not None and score > top:
                best, top = house, score
        if best is None:
            best = House()
            houses.append(best)
        best.add(note)
    return houses


class Atlas:
    """The map in force during a play: the recognised house, corrected by what the play itself shows."""

    def __init__(self, house, track):
        self.track = track
        self.edges = dict(house.edges) if house else {}
        self.exits = {r: set(w) for r, w in house.exits.items()} if house else {}
        self.doored = set(house.doored) if house else set()
        self.edges.update(track.edges)
        for room, ways in track.exits.items():
            self.exits[room] = set(ways)
        self.doored |= set(track.doors)
        for room, way in list(self.doored):
            to = self.edges.get((room, way))
            if to:
                self.doored.add((to, BACK[way]))
        self.out = defaultdict(list)
        for (room, way), to in sorted(self.edges.items()):
            self.out[room].append((way, to, self.price(room, way)))
        self.rooms = set(self.exits) | set(self.edges.values())
        self.memo = {}

    def price(self, room, way):
        if (room, way) not in self.doored:
            return 1
        door = self.track.doors.get((room, way))
        if door is None:
            to = self.edges.get((room, way))
            door = self.track.doors.get((to, BACK[way])) if to else None
        return 1 if door and not door[1] else 2

    def reach(self, room):
        """Distance in steps to every room, with the moves that lead there."""
        if room not in self.memo:
            dist, moves, heap = {}, {}, [(0, 0, room, ())]
            count = 0
            while heap:
                d, _, r, path = heapq.heappop(heap)
                if r in dist:
                    continue
                dist[r], moves[r] = d, path
                for way, to, cost in self.out.get(r, ()):
                    if to not in dist:
                        count += 1
                        heapq.heappush(heap, (d + cost, count, to, path + ((r, way),)))
            self.memo[room] = (dist, moves)
        return self.memo[room]

    def frontier(self):
        return sorted((r, w) for r, ways in self.exits.items() for w in ways if (r, w) not in self.edges)

    def lines(self, moves):
        out = []
        for room, way in moves:
            if room == self.track.room:
                command = self.track.door_command(way)
            else:
                door = self.track.doors.get((room, way))
                command = "open " + door[0] if door and door[1] else ""
            if command:
                out.append(command)
            out.append("go " + way)
        return out


class HouseMemory(Memory):
    """What all plays taught: houses, where things lie, where holders stand, how they are used."""

    def __init__(self, kit):
        super().__init__(kit)
        self.notes, self.houses = [], []
        self.found, self.exposure = defaultdict(Counter), Counter()
        self.stands, self.shut, self.verbs = defaultdict(Counter), defaultdict(Counter), defaultdict(Counter)
        self.limit = 1

    async def update(self, episode):
        track = Track(episode.situation)
        for step in episode.steps:
            track.see(step)
        self.limit = max(self.limit, len(episode.steps))
        self.notes.append({
            "start": track.start, "edges": dict(track.edges),
            "exits": {r: frozenset(w) for r, w in track.exits.items()},
            "doored": set(track.doors),
            "holders": {r: sorted(h) for r, h in track.holders.items()},
        })
        for thing, place in track.first.items():
            self.found[thing][place] += 1
        self.exposure.update(track.exposed)
        for room, hs in track.holders.items():
            for h in hs:
                self.stands[h][room] += 1
        for (_, h), is_shut in track.shut.items():
            self.shut[h][bool(is_shut)] += 1
        for h, verb in track.verbs.items():
            self.verbs[h][verb] += 1
        self.houses = cluster(self.notes)

    def recognise(self, track):
        best, top = None, 0.5
        for house in self.houses:
            score = house.agreement(track.edges, track.exits)
            if score is None or score <= 0:
                continue
            score += 0.5 * (track.start in house.starts) + 0.3 * house.size / (len(self.notes) + 1)
            if score > top:
                best, top = house, score
        return best

    def usually_shut(self, holder):
        seen = self.shut.get(holder)
        return bool(seen) and seen[True] > seen[False]

    def closed_now(self, track, room, holder):
        if not holder or (room, holder) in track.exposed:
            return False
        return "open " + holder in track.adm if room == track.room else self.usually_shut(holder)

    def belief(self, thing, house, track, atlas):
        """Weight of each place (room, holder) for the thing; looked-at places are out."""
        if thing in track.now and thing not in track.carried:
            return {track.now[thing]: 1.0}
        words = set(thing.split())
        weight = defaultdict(float)
        kinds = max(1, len(self.found))
        for other, places in sorted(self.found.items()):
            theirs = set(other.split())
            alike = 1.0 if other == thing else 0.3 * len(words & theirs) / max(1, len(words | theirs))
            for place, n in places.items():
                weight[place] += (alike + 0.1 / kinds) * n / (self.exposure[place] + 1.5)
        rooms = {}
        if house:
            rooms.update({r: set(h) for r, h in house.holders.items()})
        for room, hs in track.holders.items():
            rooms[room] = set(hs)
        for room, hs in rooms.items():
            for h in hs:
                weight[(room, h)] += 0.0005
        for place in list(weight):
            room, h = place
            if place in track.exposed:
                del weight[place]
            elif h and room in rooms and h not in rooms[room]:
                weight[place] *= 0.0 if room in track.holders else 0.15
        total = sum(weight.values())
        return {p: w / total for p, w in weight.items() if w > 0} if total > 0 else {}

    def put_line(self, track, thing, dest):
        for a in track.adm:
            m = PUT.match(a)
            if m and m.group(2) == thing and m.group(4) == dest:
                return a
        if self.verbs.get(dest):
            verb, prep = self.verbs[dest].most_common(1)[0][0]
            return f"{verb} {thing} {prep} {dest}"
        if dest in self.exposure_rooms():
            return "drop " + thing
        return f"insert {thing} into {dest}" if self.usually_shut(dest) else f"put {thing} on {dest}"

    def exposure_rooms(self):
        return {room for room, holder in self.exposure if not holder}

    def take_line(self, track, thing):
        for a in track.adm:
            m = TAKE.match(a)
            if m and m.group(1) == thing:
                return a
        return "take " + thing

    def homes(self, dest, house, track, atlas):
        """Rooms where the destination stands, most likely first."""
        if dest in atlas.rooms or dest in self.exposure_rooms():
            return [dest]
        here = sorted(r for r, hs in track.holders.items() if dest in hs)
        if here:
            return here
        score = Counter()
        if house:
            for room, hs in house.holders.items():
                score[room] += 100 * hs[dest]
        score.update(self.stands.get(dest, {}))
        return [r for r, n in score.most_common() if n > 0 and r not in track.holders]

    def delivery(self, start, thing, dest, house, track, atlas):
        """Lines that bring the thing from a room to the destination; the steps they cost."""
        dist, moves = atlas.reach(start)
        homes = [r for r in self.homes(dest, house, track, atlas) if r in dist]
        if homes:
            room = homes[0]
            lines = atlas.lines(moves[room])
            cost = dist[room]
        else:
            edge = min(((dist[r], r, w) for r, w in atlas.frontier() if r in dist), default=None)
            if edge is None:
                return [self.put_line(track, thing, dest)], 12
            room = ""
            lines = atlas.lines(moves[edge[1]] + ((edge[1], edge[2]),))
            cost = edge[0] + 6
        if room and self.closed_now(track, room, dest):
            lines.append("open " + dest)
            cost += 1
        return lines + [self.put_line(track, thing, dest)], cost + 1


class LiveHouseNavigator(HouseMemory):
    """A plan from the map and from where such things lie, made anew whenever the play leaves it."""

    def best_search(self, thing, dest, house, track, atlas):
        """Moves and openings of the search with the most weight per step."""
        dist, moves = atlas.reach(track.room)
        belief = self.belief(thing, house, track, atlas)
        open_mass, boxes, lost = defaultdict(float), defaultdict(list), 0.02
        for (room, holder), p in belief.items():
            if room not in dist:
                lost += p if room not in atlas.rooms else 0.0
            elif self.closed_now(track, room, holder):
                boxes[room].append((p, holder))
            else:
                open_mass[room] += p
        homes = [r for r in self.homes(dest, house, track, atlas) if r in dist] if dest else []
        best = (0.0, None, [])
        for room in sorted(set(open_mass) | set(boxes)):
            way = moves[room]
            mass = open_mass[room]
            cost = dist[room]
            passed = 0.0
            for r, w in way[1:]:
                passed += open_mass.get(r, 0.0)
            far = 0.0
            if homes:
                far = 0.25 * atlas.reach(room)[0].get(homes[0], 8)
            opened = []
            options = [(mass + 0.5 * passed, cost, [])] if cost or mass else []
            for p, holder in sorted(boxes[room], key=lambda b: (-b[0], b[1])):
                opened = opened + [holder]
                mass += p
                cost += 1
                options.append((mass + 0.5 * passed, cost, opened))
            for value, steps, holders in options:
                rate = value / (steps + 0.7 + far)
                if rate > best[0] + 1e-9:
                    best = (rate, room, holders)
        edges = [(dist[r], r, w) for r, w in atlas.frontier() if r in dist]
        if edges:
            share = lost / len(edges)
            for d, r, w in sorted(edges):
                rate = share / (d + 1.7 + (atlas.price(r, w) - 1))
                if rate > best[0] + 1e-9:
                    best = (rate, (r, w), [])
        return best

    def plan(self, thing, dest, track):
        if not thing or not track.room:
            return []
        house = self.recognise(track)
        atlas = Atlas(house, track)
        if thing in track.carried:
            return self.delivery(track.room, thing, dest, house, track, atlas)[0] if dest else []
        moves = atlas.reach(track.room)[1]
        place = track.now.get(thing)
        if place and place[0] in moves:
            room, holders = place[0], []
            if place[1] and "open " + place[1] in track.adm:
                holders = [place[1]]
        else:
            _, room, holders = self.best_search(thing, dest, house, track, atlas)
        if room is None:
            return [self.take_line(track, thing)]
        if isinstance(room, tuple):
            lines = atlas.lines(moves[room[0]] + (room,))
            return lines + ["take " + thing]
        lines = atlas.lines(moves[room]) + ["open " + h for h in holders]
        lines.append(self.take_line(track, thing) if room == track.room else "take " + thing)
        if dest:
            lines += self.delivery(room, thing, dest, house, track, atlas)[0]
        return lines

    async def retrieve(self, situation):
        thing, dest = parse_goal(situation.goal)
        lines = self.plan(thing, dest, Track(situation))
        return Recall(show=lines) if lines else None

    async def on_step(self, situation, history):
        thing, dest = parse_goal(situation.goal)
        track = Track(situation)
        shown, at, changed = self.plan(thing, dest, track), 0, False
        for step in history:
            action = " ".join(str(step.action or "").lower().split())
            if at < len(shown) and (action == shown[at] or action.startswith(shown[at] + " ")):
                at += 1
            track.see(step)
            fresh = self.plan(thing, dest, track)
            changed = bool(fresh) and fresh != shown[at:]
            if changed:
                shown, at = fresh, 0
        return Recall(show=shown) if changed else None