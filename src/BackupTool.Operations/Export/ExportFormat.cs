namespace BackupTool.Operations.Export;

/// <summary>What an archive is converted to.</summary>
public enum ExportFormat
{
    /// <summary>The tar archive as it is stored.</summary>
    Tar,
    /// <summary>The same, compressed by gzip.</summary>
    TarGzip,
    /// <summary>A zip archive, which cannot hold everything: see <see cref="ExportFinding"/>.</summary>
    Zip,
}

/// <summary>What a zip archive cannot hold.</summary>
public enum ExportLoss
{
    /// <summary>Owners and groups.</summary>
    Owners,
    /// <summary>Extended attributes and ACLs.</summary>
    ExtendedAttributes,
    /// <summary>Hard links: stored as symbolic links to the first name.</summary>
    HardLinks,
    /// <summary>Device nodes and FIFOs: left out.</summary>
    SpecialFiles,
    /// <summary>Names that are not UTF-8: stored with <c>\xNN</c> for what is not.</summary>
    Names,
    /// <summary>Times before 1980 or after 2107: stored as the nearest that there is.</summary>
    Times,
}

/// <summary>Something that the converted archive does not hold.</summary>
/// <param name="Loss">What is lost.</param>
/// <param name="Count">Of how many members.</param>
/// <param name="Example">The first of them.</param>
public sealed record ExportFinding(ExportLoss Loss, long Count, Posix.BytePath Example)
{
    /// <summary>The finding as a sentence.</summary>
    public string Message => Loss switch
    {
        ExportLoss.Owners => $"zip holds no owners: those of {Count} entries are lost ({Example}, …).",
        ExportLoss.ExtendedAttributes => $"zip holds no extended attributes and no ACLs: those of {Count} entries are lost ({Example}, …).",
        ExportLoss.HardLinks => $"zip holds no hard links: {Count} are symbolic links to the first name now ({Example}, …).",
        ExportLoss.SpecialFiles => $"zip holds no device nodes and no FIFOs: {Count} are left out ({Example}, …).",
        ExportLoss.Names => $"zip holds names as UTF-8: {Count} that are none have \\xNN in them now ({Example}, …).",
        ExportLoss.Times => $"zip holds no times before 1980 or after 2107: {Count} are changed ({Example}, …).",
        _ => throw new InvalidOperationException($"No sentence for {Loss}."),
    };
}
