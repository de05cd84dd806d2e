using System.IO.Compression;
using System.Text.RegularExpressions;

namespace BackupTool.Tests.TestSupport;

/// <summary>A plugin file, as far as <see cref="FakeMaubot"/> looks into it.</summary>
public sealed record FakePlugin(string Id, string Version, string MainClass, bool HasDatabase, string Path)
{
    /// <summary>Instances of it cannot be started.</summary>
    public bool IsBroken => MainClass == "Broken";

    /// <summary>Makes the bytes of a plugin file.</summary>
    public static byte[] Make(string id, string version, bool database = false, string mainClass = "Bot")
    {
        using var zip = new MemoryStream();
        using (var archive = new ZipArchive(zip, ZipArchiveMode.Create, leaveOpen: true))
        {
            Add(archive, "maubot.yaml", $"maubot: 0.1.0\nid: {id}\nversion: '{version}'\nlicense: MIT\nmodules:\n- bot\nmain_class: {mainClass}\ndatabase: {(database ? "true" : "false")}\ndatabase_type: asyncpg\n");
            Add(archive, "bot.py", $"from maubot import Plugin\n\n\nclass {mainClass}(Plugin):\n    pass\n");
        }
        return zip.ToArray();
    }

    /// <summary>Null when maubot would not load it.</summary>
    public static FakePlugin? TryRead(Stream content, string path)
    {
        try
        {
            using var archive = new ZipArchive(content, ZipArchiveMode.Read);
            using var reader = new StreamReader((archive.GetEntry("maubot.yaml") ?? throw new InvalidDataException("no maubot.yaml")).Open());
            string yaml = reader.ReadToEnd();
            string? Value(string key) => Regex.Match(yaml, $"^{key}: *(.+?) *$", RegexOptions.Multiline) is { Success: true } match ? match.Groups[1].Value : null;
            // A version without quotes is a number, which maubot refuses.
            if (Value("version") is not ['\'', .. var quoted, '\''] || quoted.Length == 0) return null;
            if (Value("id") is not { } id || Value("main_class") is not { } mainClass) return null;
            return new FakePlugin(id, quoted, mainClass, Value("database") == "true", path);
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    private static void Add(ZipArchive archive, string name, string text)
    {
        using var writer = new StreamWriter(archive.CreateEntry(name).Open());
        writer.Write(text);
    }
}
