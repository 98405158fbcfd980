import re

import numpy as np

from alma.memory import Episode, Memory, Recall, Situation

NAME = re.compile(r"\b([a-z]+) (\d+)\b")
SKIP = set(
    "put place set move leave a an the some any in on onto into to of and it them then that is are be "
    "find get take bring two three both with under by at look examine see inside from for using use "
    "clean cleaned washed wash rinse rinsed hot heat heated warm warmed cool cooled cold chill chilled "
    "your you room one object".split()
)
VERBS = {
    "clean": {"clean", "cleaned", "wash", "washed", "rinse", "rinsed"},
    "heat": {"hot", "heat", "heated", "warm", "warmed"},
    "cool": {"cool", "cooled", "cold", "chill", "chilled"},
}
USUAL = {"clean": "sinkbasin", "heat": "microwave", "cool": "fridge"}


def kind(name):
    return name.split(" ")[0]


def names(text):
    return [a + " " + b for a, b in NAME.findall((text or "").lower())]


def same(a, b):
    if not a or not b:
        return False
    return a == b or a + "s" == b or b + "s" == a or a + "es" == b or b + "es" == a


def near(a, b):
    return same(a, b) or (min(len(a), len(b)) >= 4 and (a.startswith(b) or b.startswith(a)))


def places_of(situation):
    found = list(dict.fromkeys(names(situation.observation)))
    for action in situation.admissible or ():
        if action.startswith("go to "):
            place = action[6:].strip()
            if place not in found:
                found.append(place)
    return found


def parse_goal(goal, places):
    words = re.findall(r"[a-z]+", (goal or "").lower())
    verb, verb_word = None, None
    for name, forms in VERBS.items():
        for word in words:
            if word in forms and verb is None:
                verb, verb_word = name, word
    count = 2 if ("two" in words or "both" in words) else 1
    content = [w for w in words if w not in SKIP]
    lamp = None
    looking = bool(words) and (words[0] in ("examine", "look") or "under" in words)
    for word in content:
        if word.endswith("lamp") and looking:
            lamp = word
    obj = content[0] if content else None
    if lamp and same(obj, lamp) and len(content) > 1:
        obj = content[1]
    dest = None
    if not lamp and len(content) > 1:
        kinds = {kind(p) for p in places}
        for word in reversed(content[1:]):
            if any(same(word, k) for k in kinds):
                dest = word
                break
        if dest is None:
            for word in reversed(content[1:]):
                if any(near(word, k) for k in kinds):
                    dest = word
                    break
        if dest is None:
            dest = content[-1]
    return {"obj": obj, "dest": dest, "lamp": lamp, "verb": verb, "verb_word": verb_word, "count": count}


class World:
    """What the steps so far have shown of the room."""

    def __init__(self, places):
        self.places = list(places)
        self.loc = None
        self.hold = None
        self.inside = {}
        self.revealed = {}  # place -> kinds of things at the first look
        self.closed = set()
        self.was_closed = {}
        self.processed = {}
        self.failed = set()

    def see(self, place, text):
        low = text.lower()
        at = low.rfind("you see")
        if at < 0:
            return
        self.inside[place] = set(n for n in names(low[at:]) if n != place)
        self.revealed.setdefault(place, sorted({kind(n) for n in self.inside[place]}))

    def step(self, action, observation, error):
        low = (observation or "").lower().strip()
        act = (action or "").lower().strip()
        if error or low.startswith("nothing happens"):
            self.failed.add(act)
            return
        m = re.match(r"you arrive at (?:the )?([a-z]+ \d+)", low)
        if m:
            place = m.group(1)
            self.loc = place
            if place not in self.places:
                self.places.append(place)
            if ("%s is closed" % place) in low:
                self.closed.add(place)
                self.was_closed.setdefault(place, True)
            else:
                self.closed.discard(place)
                self.was_closed.setdefault(place, False)
                self.see(place, low)
            return
        m = re.match(r"you open (?:the )?([a-z]+ \d+)", low)
        if m:
            self.closed.discard(m.group(1))
            self.see(m.group(1), low)
            return
        m = re.match(r"you close (?:the )?([a-z]+ \d+)", low)
        if m:
            self.closed.add(m.group(1))
            return
        m = re.match(r"you (?:pick up|take) (?:the )?([a-z]+ \d+)", low)
        if m:
            self.hold = m.group(1)
            for things in self.inside.values():
                things.discard(self.hold)
            return
        m = re.match(r"you (?:move|put|place) (?:the )?([a-z]+ \d+) (?:in/on|to|in|on|into|onto) (?:the )?([a-z]+ \d+)", low)
        if m:
            self.hold = None
            self.inside.setdefault(m.group(2), set()).add(m.group(1))
            return
        m = re.match(r"you (clean|heat|cool) (?:the )?([a-z]+ \d+)", low)
        if m:
            self.processed.setdefault(m.group(2), set()).add(m.group(1))
            return
        if low.startswith("you are carrying"):
            held = names(low)
            self.hold = held[0] if held else None
            return
        if low.startswith("you are not carrying"):
            self.hold = None
            return
        if act.startswith("examine "):
            place = act[8:].strip()
            if place in self.places and "you see" in low:
                self.see(place, low)


def sizes_of(places):
    """kind of place -> how many of them."""
    sizes = {}
    for p in places:
        sizes[kind(p)] = sizes.get(kind(p), 0) + 1
    return sizes


def watch(situation, steps):
    world = World(places_of(situation))
    for s in steps:
        world.step(s.action, s.observation, s.error)
    return world


def pick(admissible, verbs, *parts):
    """The allowed command that starts with one of the verbs and holds all parts, else None."""
    for action in admissible or ():
        low = action.lower()
        if low.split(" ")[0] in verbs and all(re.search(r"\b%s\b" % re.escape(p), low) for p in parts):
            return action
    return None


class SizeAwareNavigator(Memory):
    def __init__(self, kit):
        super().__init__(kit)
        self.kit = kit
        self.sightings = {}  # kind of thing -> places where it was seen
        self.rooms = []  # one record an episode: place kinds, signature, what was where
        self.tools = {}  # verb -> kind of place -> times it worked

    async def update(self, episode: Episode) -> None:
        places = places_of(episode.situation)
        world = watch(episode.situation, episode.steps)
        self.rooms.append(
            {
                "sizes": sizes_of(places),
                "sig": " ".join(sorted(places)),
                "first": dict(world.revealed),
                "closed": dict(world.was_closed),
            }
        )
        for contents in world.revealed.values():
            for k in contents:
                self.sightings[k] = self.sightings.get(k, 0) + 1
        for s in episode.steps:
            m = re.match(r"(clean|heat|cool) [a-z]+ \d+ with ([a-z]+) \d+", (s.action or "").lower())
            if m and (s.observation or "").lower().startswith("you " + m.group(1)):
                table = self.tools.setdefault(m.group(1), {})
                table[m.group(2)] = table.get(m.group(2), 0) + 1

    # ---- where things tend to be -------------------------------------------------

    async def stand_ins(self, word):
        """Kinds of things whose places count for those of the word: itself, or its neighbours in meaning."""
        own = {k: 1.0 for k in self.sightings if same(k, word)}
        if sum(self.sightings[k] for k in own) >= 2:
            return own
        known = sorted(k for k, n in self.sightings.items() if n >= 3 and k not in own)
        if not known:
            return own
        rows = np.asarray(await self.kit.embed([word] + known))
        near_by = rows[1:] @ rows[0]
        best = np.argsort(-near_by)[:4]
        share = np.exp(8.0 * (near_by[best] - near_by[best[0]]))
        for i, v in zip(best, share / share.sum()):
            own[known[int(i)]] = 0.6 * float(v)
        return own

    def chances(self, world, weights):
        places = world.places
        here = sizes_of(places)
        sig = " ".join(sorted(places))
        seen, visits, things, shut, arrivals = {}, {}, {}, {}, {}
        spot_hit, spot_n = {}, {}
        for room in self.rooms:
            sizes = room["sizes"]
            weight = (len(here.keys() & sizes.keys()) / (len(here.keys() | sizes.keys()) or 1)) ** 2 + 0.02
            for place, contents in room["first"].items():
                k = kind(place)
                # a room's things of a kind are spread over its places: many places, less in each
                spread = (sizes.get(k, 1) / here[k]) ** 0.5 if k in here else 1.0
                hit = max((weights.get(c, 0.0) for c in contents), default=0.0)
                visits[k] = visits.get(k, 0.0) + weight
                things[k] = things.get(k, 0.0) + weight * len(contents) * spread
                seen[k] = seen.get(k, 0.0) + weight * hit * spread
                if room["sig"] == sig:
                    spot_n[place] = spot_n.get(place, 0) + 1
                    spot_hit[place] = spot_hit.get(place, 0) + hit
            for place, was in room["closed"].items():
                k = kind(place)
                arrivals[k] = arrivals.get(k, 0.0) + weight
                if was:
                    shut[k] = shut.get(k, 0.0) + weight
        total_v = sum(visits.values())
        total_t = sum(things.values())
        mean = (total_t / total_v) if total_v else 1.0
        overall = (sum(seen.values()) + 0.05) / (total_v + 1.0)
        # what this very room has shown so far of each kind of place
        looked, found = {}, {}
        for place, contents in world.revealed.items():
            k = kind(place)
            looked[k] = looked.get(k, 0) + 1
            found[k] = found.get(k, 0) + len(contents)
        out = {}
        for place in places:
            k = kind(place)
            v = visits.get(k, 0.0)
            usual = (things.get(k, 0.0) + mean) / (v + 1.0) or 1.0
            p = (seen.get(k, 0.0) + overall * usual / (mean or 1.0)) / (v + 1.0)
            n = spot_n.get(place, 0)
            if n:
                p = (5.0 * p + spot_hit[place]) / (5.0 + n)
            # empty neighbours of the same kind make a place less likely, full ones more
            fill = (3.0 * usual + found.get(k, 0)) / (3.0 * usual + looked.get(k, 0) * usual)
            p *= min(fill, 1.5)
            # places of a kind searched in vain say that this room keeps the thing elsewhere
            p /= 1.0 + looked.get(k, 0) / 8.0
            shut_here = [world.was_closed[q] for q in world.was_closed if kind(q) == k]
            cost = 1.0 + (shut.get(k, 0.0) + 0.3 + sum(shut_here)) / (arrivals.get(k, 0.0) + 1.0 + len(shut_here))
            out[place] = (p, cost)
        return out

    def search(self, world, weights, doubt):
        """Places still to be looked into, the most promising for its cost first."""
        table = self.chances(world, weights)
        rated = []
        for i, place in enumerate(world.places):
            if place in world.inside:
                continue
            p, cost = table[place]
            if place in world.closed:
                cost = 1.0 if place == world.loc else 2.0
                if "open " + place in world.failed:
                    continue
            elif "go to " + place in world.failed:
                continue
            p *= doubt.get(kind(place), 1.0)
            rated.append((-p / cost, i, place))
        rated.sort()
        return [place for _, _, place in rated]

    # ---- the next command ---------------------------------------------------------

    def tool_place(self, verb, world):
        table = self.tools.get(verb, {})
        order = sorted(table, key=lambda k: -table[k])
        if USUAL[verb] not in order:
            order.append(USUAL[verb])
        for k in order:
            found = sorted(
                p for p in world.places if kind(p) == k
                and not any(f.startswith(verb) and f.endswith(" with " + p) for f in world.failed)
            )
            if found:
                return world.loc if world.loc in found else found[0]
        return None

    def dest_place(self, world, goal):
        word = goal["dest"]
        if not word:
            return None
        options = [p for p in world.places if same(kind(p), word)]
        if not options:
            options = [p for p in world.places if near(kind(p), word)]
        if not options:
            return None

        def rate(p):
            have = sum(1 for t in world.inside.get(p, ()) if same(kind(t), goal["obj"]))
            bad = any(f.startswith(("move ", "put ")) and f.endswith(p) for f in world.failed)
            return (bad, -have if goal["count"] > 1 else 0, p != world.loc, p in world.closed,
                    p not in world.inside, int(p.split(" ")[1]))

        return min(options, key=rate)

    def visit(self, world, place):
        """Command that brings the agent nearer to the contents of place; None when it is there."""
        if world.loc != place:
            return "go to " + place
        if place in world.closed:
            return "open " + place
        return None

    async def explore(self, world, target, doubt):
        order = self.search(world, await self.stand_ins(target), doubt)
        if not order:
            shut = [p for p in world.places if p in world.closed and p not in world.inside]
            order = shut or [p for p in world.places if p != world.loc]
        if not order:
            return "look"
        step = self.visit(world, order[0])
        return step or ("examine " + order[0])

    async def advise(self, situation, history):
        world = watch(situation, history)
        goal = parse_goal(situation.goal, world.places)
        if not goal["obj"]:
            return None
        admissible = history[-1].admissible if history else situation.admissible
        obj, verb, lamp, count = goal["obj"], goal["verb"], goal["lamp"], goal["count"]
        dest = self.dest_place(world, goal)
        tool = self.tool_place(verb, world) if verb else None
        dest_word = goal["dest"] or obj

        def ready(thing):
            return not verb or verb in world.processed.get(thing, ())

        placed = [t for t in world.inside.get(dest, ()) if same(kind(t), obj) and ready(t)] if dest else []
        lines, topic = [], obj

        def finish(thing):
            """The lines from holding the thing to the end."""
            rest = []
            if verb and tool and not ready(thing):
                rest += ["go to " + tool, "%s %s" % (verb, thing)]
            if lamp:
                rest += ["use " + lamp]
            elif dest:
                rest += ["go to " + dest, "move %s to %s" % (thing, dest)]
            return rest

        if world.hold and same(kind(world.hold), obj):
            held = world.hold
            if verb and tool and not ready(held):
                topic = goal["verb_word"]
                if world.loc != tool:
                    lines.append("go to " + tool)
                command = pick(admissible, (verb,), held) if world.loc == tool else None
                wanted = "%s %s with %s" % (verb, held, tool)
                if world.loc == tool and command is None and admissible and tool in world.closed:
                    lines.append("open " + tool)
                lines.append(command or wanted)
                if dest:
                    lines += ["go to " + dest, "move %s to %s" % (held, dest)]
            elif lamp:
                topic = lamp
                known = sorted(p for p, ts in world.inside.items() if any(same(kind(t), lamp) for t in ts))
                if known:
                    place = world.loc if world.loc in known else known[0]
                    step = self.visit(world, place)
                    if step:
                        lines.append(step)
                    which = sorted(t for t in world.inside[place] if same(kind(t), lamp))[0]
                    lines.append(pick(admissible, ("use",), which) or "use " + which)
                else:
                    lines += [await self.explore(world, lamp, {}), "use " + lamp]
            elif dest:
                topic = dest_word
                step = self.visit(world, dest)
                if step:
                    lines.append(step)
                    if step.startswith("go to") and (dest in world.closed):
                        lines.append("open " + dest)
                    lines.append("move %s to %s" % (held, dest))
                else:
                    lines.append(pick(admissible, ("move", "put"), held, dest) or "move %s to %s" % (held, dest))
                if count > 1 and not placed:
                    lines += ["take " + obj, "go to " + dest, "move %s" % obj]
            else:
                lines.append(await self.explore(world, obj, {}))
        else:
            if world.hold:
                # hands are full with something else: put it down where the agent stands
                drop = pick(admissible, ("move", "put"), world.hold)
                if drop:
                    lines.append(drop)
                elif world.loc and world.loc in world.closed:
                    lines.append("open " + world.loc)
            known = []
            for place, things in world.inside.items():
                for t in things:
                    if not same(kind(t), obj):
                        continue
                    if place == dest and t in placed:
                        continue
                    if any(f.startswith("take " + t + " ") for f in world.failed):
                        continue
                    known.append((not ready(t) if verb else False, place != world.loc, place in world.closed, place, t))
            known.sort()
            if known:
                _, _, _, place, thing = known[0]
                step = self.visit(world, place)
                if step:
                    lines.append(step)
                    if step.startswith("go to") and place in world.closed:
                        lines.append("open " + place)
                    lines.append("take %s from %s" % (thing, place))
                else:
                    lines.append(pick(admissible, ("take",), thing) or "take %s from %s" % (thing, place))
                lines += finish(thing)
            else:
                doubt = {}
                if dest and not verb:
                    doubt[kind(dest)] = 0.3 if count > 1 else 0.05
                elif dest:
                    doubt[kind(dest)] = 0.7
                lines.append(await self.explore(world, obj, doubt))
                lines.append("take " + obj)
                lines += finish(obj)
            if placed and count > 1:
                topic = "two" if "two" in situation.goal.lower() else dest_word
        if not lines:
            return None
        if len(lines) < 2:
            lines.append("look")
        return Recall(show={"Plan": lines[:8], topic: [lines[0]]}, keep=None)

    async def retrieve(self, situation: Situation):
        return await self.advise(situation, ())

    async def on_step(self, situation: Situation, history):
        return await self.advise(situation, history)