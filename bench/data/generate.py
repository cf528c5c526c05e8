"""Fills /data with a data set: `files COUNT SMALLEST LARGEST` or `pages BYTES`. The content is random."""
import os
import random
import sys

kind, *numbers = sys.argv[1:]
if kind == 'pages':
    left = int(numbers[0])
    with open('/data/database', 'wb') as file:
        while left > 0:
            left -= file.write(os.urandom(min(left, 4 << 20)))
else:
    count, smallest, largest = map(int, numbers)
    draw = random.Random(count)
    for number in range(count):
        directory = f'/data/{number // 10000:03}/{number // 100:05}'
        if number % 100 == 0:
            os.makedirs(directory)
        with open(f'{directory}/{number:07}', 'wb', 0) as file:
            file.write(os.urandom(draw.randint(smallest, largest)))
