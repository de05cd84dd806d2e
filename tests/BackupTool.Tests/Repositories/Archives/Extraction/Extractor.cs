using BackupTool.Posix;
using BackupTool.Repositories.Archives.Extraction;
using BackupTool.Repositories.Archives.Tar;

namespace BackupTool.Tests.Repositories.Archives.Extraction;

internal static class Extractor
{
    internal static List<ExtractionFinding> Extract(byte[] archive, string target, ExtractionOptions? options = null)
    {
        var findings = new List<ExtractionFinding>();
        using PosixDirectory directory = PosixDirectory.Open(BytePath.From(target));
        using var writer = new TreeWriter(directory, options ?? new ExtractionOptions { FlushAtEnd = false }, findings.Add);
        TarExtraction.ExtractAll(new TarParser(new MemoryStream(archive)), writer, default);
        return findings;
    }
}
