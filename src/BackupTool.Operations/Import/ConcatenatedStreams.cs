namespace BackupTool.Operations.Import;

/// <summary>
/// Several compressed streams one after the other in a file, as pigz, pbzip2, <c>xz</c> and <c>cat a.gz b.gz</c> leave them, decompressed as one.
/// A decompressor that stops after the first would lose the rest without a word. Zeros may fill up the end of the file; nothing else may follow.
/// </summary>
/// <remarks>A decompressor that was not read to its end is dropped, not disposed: it would compare checksums over what it has not seen.</remarks>
/// <param name="file">Seekable.</param>
/// <param name="magic">What each of the streams begins with.</param>
/// <param name="open">
/// Opens a decompressor for the stream that begins at the file's position. Read to its end it leaves the file's position right behind that stream.
/// </param>
internal sealed class ConcatenatedStreams(Stream file, byte[] magic, Func<Stream, Stream> open) : ForwardStream
{
    private Stream? _current;

    public override int Read(Span<byte> buffer)
    {
        if (buffer.IsEmpty) return 0;
        while (true)
        {
            if (_current is null && !TryOpenNext()) return 0;
            int read = _current!.Read(buffer);
            if (read > 0) return read;
            _current.Dispose();
            _current = null;
        }
    }

    private bool TryOpenNext()
    {
        bool isFirst = file.Position == 0;
        int first = 0;
        if (!isFirst) while ((first = file.ReadByte()) == 0) { }
        if (first < 0) return false;
        long at = isFirst ? 0 : file.Position - 1;
        file.Position = at;

        Span<byte> start = stackalloc byte[magic.Length];
        int length = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        if (!start[..length].SequenceEqual(magic)) throw new InvalidDataException($"something else follows the compressed data at byte {at}");
        file.Position = at;
        _current = open(file);
        return true;
    }
}
