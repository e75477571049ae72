from hashlib import sha256

from foundational.data.integrity.hashes import sha256_of


def test_a_file_has_the_sha256_of_its_bytes_whatever_its_size(tmp_path):
    for size in (0, 1, 3_000_000):  # of no, one and several pieces
        path = tmp_path / str(size)
        path.write_bytes(bytes(range(256)) * (size // 256) + bytes(size % 256))
        assert sha256_of(path) == sha256_of(str(path)) == sha256(path.read_bytes()).hexdigest()
