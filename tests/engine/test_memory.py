import threading

import numpy as np

from minimod.engine.memory import Kept


def test_two_borrowers_at_once_have_different_memory():
    memory = Kept(lambda: np.empty(3))
    with memory.borrow() as one, memory.borrow() as other:
        assert one is not other


def test_what_is_given_back_is_lent_again():
    made = []
    memory = Kept(lambda: made.append(len(made)) or made)
    for _ in range(3):
        with memory.borrow():
            pass
    assert made == [0]


def test_many_threads_never_share():
    memory, lent, shared = Kept(lambda: np.empty(1)), set(), []

    def work():
        for _ in range(2000):
            with memory.borrow() as array:
                shared.append(id(array)) if id(array) in lent else lent.add(id(array))
                lent.discard(id(array))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not shared
