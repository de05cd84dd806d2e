using System.Security.Cryptography;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Cli.Demo;

/// <summary>Media, logs, and one of everything that a directory can hold and a backup must not lose. No sockets and devices.</summary>
internal static class SiteTree
{
    private const int MediaFiles = 60, Notes = 300;

    public static void Create(string directory)
    {
        var random = new Random(2);
        for (int i = 0; i < MediaFiles; i++) WriteMedia(directory, random.Next(100_000, 2_000_000));
        Directory.CreateDirectory(Path.Combine(directory, "logs"));
        File.WriteAllText(Path.Combine(directory, "logs", "access.log"), DemoText.Log(random, 8_000_000));
        for (int i = 0; i < Notes; i++)
        {
            string folder = Path.Combine(directory, "notes", $"folder{i % 7}");
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, $"note{i:d3}.md"), DemoText.Log(random, random.Next(200, 8000)));
        }
        string odd = Path.Combine(directory, "odd");
        Directory.CreateDirectory(odd);
        using PosixDirectory at = PosixDirectory.Open(BytePath.From(odd));
        CreateOddNames(at);
        CreateLinks(at);
        CreateOddFiles(at);
        CreateAttributes(at);
    }

    /// <summary>Edits, appends, adds, deletes and renames.</summary>
    public static void Change(string directory, int seed)
    {
        var random = new Random(seed);
        File.AppendAllText(Path.Combine(directory, "logs", "access.log"), DemoText.Log(random, 50_000));
        WriteMedia(directory, 500_000);
        string[] notes = Directory.GetFiles(Path.Combine(directory, "notes"), "*.md", SearchOption.AllDirectories);
        Array.Sort(notes, StringComparer.Ordinal);
        random.Shuffle(notes);
        File.WriteAllText(notes[0], $"rewritten {seed}\n");
        File.Delete(notes[1]);
        File.Move(notes[2], $"{notes[2]}.renamed{seed}");
        File.WriteAllText(Path.Combine(directory, "notes", $"new{seed}.txt"), DemoText.Sentence(random, 20));
        PosixDirectory.Current.SetMode(BytePath.From(notes[3]), 0x100); // 0400
        string[] media = Directory.GetFiles(Path.Combine(directory, "media"), "*", SearchOption.AllDirectories);
        Array.Sort(media, StringComparer.Ordinal);
        using var edited = new FileStream(media[random.Next(media.Length)], FileMode.Open, FileAccess.Write);
        edited.Position = edited.Length / 2;
        edited.Write(RandomNumberGenerator.GetBytes(100));
    }

    private static void WriteMedia(string directory, int length)
    {
        byte[] content = RandomNumberGenerator.GetBytes(length);
        string name = Convert.ToHexStringLower(SHA256.HashData(content));
        string folder = Path.Combine(directory, "media", name[..2]);
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, name[2..34]), content);
    }

    private static void CreateOddNames(PosixDirectory at)
    {
        byte[][] names = ["with spaces and «quotes»"u8.ToArray(), "line\nbreak"u8.ToArray(), "-rf"u8.ToArray(), [.. "not-utf8-"u8, 0xff, 0xfe], [.. Enumerable.Repeat((byte)'n', 255)]];
        foreach (byte[] name in names) Write(at, new BytePath(name), [.. "named oddly: "u8, .. name]);
        // Longer in all than a tar header's name and prefix.
        string deep = Path.Combine([at.Path.ToString(), .. Enumerable.Range(0, 12).Select(i => $"a-rather-long-directory-name-{i}")]);
        Directory.CreateDirectory(deep);
        File.WriteAllText(Path.Combine(deep, "at the end of a long path"), "found\n");
    }

    private static void CreateLinks(PosixDirectory at)
    {
        Write(at, BytePath.From("linked"), "one file, three names\n"u8);
        at.CreateHardLink(BytePath.From("linked"), at, BytePath.From("linked-again"));
        at.CreateHardLink(BytePath.From("linked"), at, BytePath.From("also-linked"));
        at.CreateSymbolicLink(BytePath.From("to-notes"), BytePath.From("../notes"));
        at.CreateSymbolicLink(BytePath.From("to-nowhere"), BytePath.From("nothing/here"));
        at.CreateSymbolicLink(BytePath.From("to-outside"), BytePath.From("/etc/hostname"));
    }

    private static void CreateOddFiles(PosixDirectory at)
    {
        Write(at, BytePath.From("empty"), []);
        at.CreateDirectory(BytePath.From("empty-directory"));
        at.SetMode(BytePath.From("empty-directory"), 0x3ff); // 1777
        at.CreateNode(BytePath.From("pipe"), FileKind.Fifo);
        Write(at, BytePath.From("set-user-id"), "#!/bin/sh\n"u8);
        if (PosixIdentity.IsRoot) at.SetOwner(BytePath.From("set-user-id"), 1234, 5678);
        at.SetMode(BytePath.From("set-user-id"), 0x9e8); // 4750: after the owner, which clears it
        Write(at, BytePath.From("old"), "from before the epoch's second billion\n"u8);
        at.SetModifiedAt(BytePath.From("old"), new UnixTime(999_999_999, 123_456_789));
        using SafeFileHandle sparse = at.CreateFile(BytePath.From("sparse"));
        PosixFile.WriteFully(sparse, "an island"u8, 8 << 20, at.Full(BytePath.From("sparse")));
        PosixFile.SetLength(sparse, 16 << 20, at.Full(BytePath.From("sparse")));
    }

    private static void CreateAttributes(PosixDirectory at)
    {
        BytePath name = BytePath.From("attributes");
        Write(at, name, "see getfattr and getfacl\n"u8);
        at.SetMode(name, 0x1a0); // 0640
        // Version 2; then tag, permission and id of: owner rw-, user 1234 r--, group r--, mask r--, others ---.
        byte[] acl = [2, 0, 0, 0, .. Entry(1, 6, uint.MaxValue), .. Entry(2, 4, 1234), .. Entry(4, 4, uint.MaxValue), .. Entry(0x10, 4, uint.MaxValue), .. Entry(0x20, 0, uint.MaxValue)];
        SetWhereSupported(at, name, new ExtendedAttribute(BytePath.From("user.demo"), [.. "text, and bytes: "u8, 0, 1, 0xff]));
        SetWhereSupported(at, name, new ExtendedAttribute(BytePath.From("system.posix_acl_access"), acl));

        static byte[] Entry(byte tag, byte permission, uint id) => [tag, 0, permission, 0, .. BitConverter.GetBytes(id)];
    }

    // A temporary directory may lie on a file system without attributes: then there are none to lose.
    private static void SetWhereSupported(PosixDirectory at, BytePath name, ExtendedAttribute attribute)
    {
        try
        {
            at.SetExtendedAttribute(name, attribute);
        }
        catch (PosixException failure) when (failure.Errno == Errno.EOPNOTSUPP) { }
    }

    private static void Write(PosixDirectory at, BytePath name, ReadOnlySpan<byte> content)
    {
        using SafeFileHandle file = at.CreateFile(name, 0x1a4); // 0644
        PosixFile.WriteFully(file, content, 0, at.Full(name));
    }
}
