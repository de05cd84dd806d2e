using System.Text;

namespace BackupTool.Services.Health;

/// <summary>Keeps the last line of a stream that may be endless.</summary>
internal sealed class LastLine
{
    private const int KeptBytes = 4096, ShownCharacters = 200;
    private readonly byte[] _tail = new byte[2 * KeptBytes];
    private int _length;

    /// <summary>The last line that is not blank, cut to 200 characters; empty when there is none. Its own end may be cut when the program was.</summary>
    internal string Text
    {
        get
        {
            string text = Encoding.UTF8.GetString(_tail, 0, _length);
            string line = text.Split('\n').Select(static each => each.Trim()).LastOrDefault(static each => each.Length > 0) ?? "";
            if (line.Length <= ShownCharacters) return line;
            int end = char.IsHighSurrogate(line[ShownCharacters - 2]) ? ShownCharacters - 2 : ShownCharacters - 1;
            return line[..end] + "…";
        }
    }

    /// <summary>Reads to the end.</summary>
    internal async Task ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_length > KeptBytes)
            {
                _tail.AsSpan(_length - KeptBytes, KeptBytes).CopyTo(_tail);
                _length = KeptBytes;
            }
            int read = await stream.ReadAsync(_tail.AsMemory(_length), cancellationToken);
            if (read == 0) return;
            _length += read;
        }
    }
}
