using BackupTool.Posix;

namespace BackupTool.Repositories.Archives.Extraction;

/// <summary>How a tree is restored.</summary>
public sealed record ExtractionOptions
{
    /// <summary>Replace what has the same name (a directory only when it is empty). Otherwise that is an error. Directories are always shared.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Give files to their numeric owners. Only root can; without it, setuid and setgid bits are left out, too.</summary>
    public bool RestoreOwners { get; init; } = PosixIdentity.IsRoot;

    /// <summary>Let <see cref="TreeWriter.Complete"/> return only when everything is on disk.</summary>
    public bool FlushAtEnd { get; init; } = true;
}

/// <summary>Something that could not be restored about a member that is there otherwise, or a device node that could not be made.</summary>
/// <param name="Path">The member.</param>
/// <param name="Message">What is missing and why, as a sentence.</param>
public sealed record ExtractionFinding(BytePath Path, string Message);
