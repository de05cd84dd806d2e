namespace BackupTool.Tests.Services.Sources.Postgres;

/// <summary>Does something in the middle: breaks, unless told otherwise.</summary>
internal sealed class BreakingStream(byte[] content, int at, Action? instead = null) : MemoryStream(content)
{
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Position < at) return base.ReadAsync(buffer[..Math.Min(buffer.Length, 100_000)], cancellationToken);
        if (instead is null) throw new InvalidDataException("a chunk is damaged");
        instead();
        cancellationToken.ThrowIfCancellationRequested();
        return base.ReadAsync(buffer, cancellationToken);
    }
}
