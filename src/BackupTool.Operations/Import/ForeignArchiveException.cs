using BackupTool.Posix;

namespace BackupTool.Operations.Import;

/// <summary>Somebody else's archive cannot be read, or not wholly.</summary>
/// <param name="archive">The archive's file.</param>
/// <param name="fault">What is wrong, as a sentence without a full stop.</param>
/// <param name="hint">What to do next; null for the usual advice.</param>
/// <param name="innerException">What the decompressor said.</param>
public sealed class ForeignArchiveException(BytePath archive, string fault, string? hint = null, Exception? innerException = null)
    : OperationException(
        $"Cannot import {archive}: {fault}.",
        hint ?? "The archive is damaged or cut off: compare it with another copy, or see how far the program that wrote it gets.", innerException);
