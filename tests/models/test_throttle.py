"""Places in the window: never more than there are, none lost, first come first served."""

import asyncio

from alma.models.throttle import Throttle
from alma.testing.loop import in_loop


@in_loop
async def test_places_are_handed_on_in_order_and_never_too_many():
    throttle, order, most = Throttle(3), [], 0

    async def call(number):
        nonlocal most
        async with throttle.slot():
            order.append(number)
            most = max(most, throttle.in_flight)
            await asyncio.sleep(0.001 * (number % 4))

    await asyncio.gather(*map(call, range(40)))
    assert order == list(range(40))
    assert most == 3
    assert throttle.in_flight == 0


@in_loop
async def test_who_gives_up_takes_no_place_along():
    throttle = Throttle(1)
    inside = asyncio.Event()

    async def hold():
        async with throttle.slot():
            inside.set()
            await asyncio.sleep(60)

    holder = asyncio.create_task(hold())
    await inside.wait()
    waiting = [asyncio.create_task(hold()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    holder.cancel()
    # Its place has just been handed to the second, which is cancelled before it can take it.
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.wait([holder, *waiting[:2]])
    assert throttle.in_flight == 1
    waiting[2].cancel()
    await asyncio.wait(waiting)
    assert throttle.in_flight == 0


@in_loop
async def test_a_smaller_window_lets_fewer_in():
    throttle = Throttle(4)
    throttle.refused(0.0, throttle.now())
    most = 0

    async def call():
        nonlocal most
        async with throttle.slot():
            most = max(most, throttle.in_flight)
            await asyncio.sleep(0.001)

    await asyncio.gather(*(call() for _ in range(12)))
    assert most == 2
