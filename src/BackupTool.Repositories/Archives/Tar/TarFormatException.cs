namespace BackupTool.Repositories.Archives.Tar;

/// <summary>A tar stream is damaged, cut off, or uses what we do not read. Nothing after <see cref="Offset"/> was understood.</summary>
/// <param name="offset">Bytes from the start of the tar stream to the header (or record) in question.</param>
/// <param name="fault">What is wrong, as the end of a sentence, without a full stop.</param>
/// <param name="hint">What to do next; null for the usual advice.</param>
public sealed class TarFormatException(long offset, string fault, string? hint = null)
    : ExplainedException(
        $"The tar archive cannot be read at byte {offset}: {fault}.",
        hint ?? "The archive is damaged or cut off: compare it with another copy, or see how far `tar -tvf` reads it.")
{
    /// <summary>Bytes from the start of the tar stream.</summary>
    public long Offset { get; } = offset;
}
