import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from minimod.engine.memory import BufferPool, Flat


def test_arrays_in_one_buffer_are_copies_and_what_is_done_to_it_is_done_to_them():
    one, other = np.arange(6.0).reshape(2, 3), np.arange(4.0)
    flat = Flat({"one": one, "other": other})
    flat.buffer += 1
    assert list(flat) == ["one", "other"] and len(flat.buffer) == 10
    assert (flat["one"] == one + 1).all() and (flat["other"] == other + 1).all()
    assert (flat.parts(np.arange(10))["other"] == [6, 7, 8, 9]).all()


def test_two_borrowers_at_once_have_different_memory():
    memory = BufferPool(lambda: np.empty(3))
    for _ in range(2):                                       # new, and then what the two gave back
        with memory.borrow() as one, memory.borrow() as other:
            assert one is not other


def test_what_is_given_back_is_lent_again():
    made = []
    memory = BufferPool(lambda: made.append(len(made)) or made)
    for _ in range(3):
        with memory.borrow():
            pass
    assert made == [0]


def test_threads_that_are_at_work_at_once_never_share():
    memory, all_have_theirs = BufferPool(lambda: np.empty(1)), threading.Barrier(4)

    def work(_):
        with memory.borrow() as array:
            all_have_theirs.wait(timeout=10)
            return id(array)

    with ThreadPoolExecutor(4) as pool:
        rounds = [set(pool.map(work, range(4))) for _ in range(20)]
    assert len(rounds[0]) == 4 and all(lent == rounds[0] for lent in rounds)
