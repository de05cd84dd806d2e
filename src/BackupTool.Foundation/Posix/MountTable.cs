namespace BackupTool.Posix;

/// <summary>A place where a file system is mounted, or a part of one (a bind mount), or a single file.</summary>
/// <param name="Path">Where, absolute.</param>
/// <param name="FileSystem">Its type, as the kernel calls it: <c>ext4</c>.</param>
public readonly record struct MountPoint(BytePath Path, string FileSystem);

/// <summary>What is mounted where, as this process sees it.</summary>
public static class MountTable
{
    private const int MaxBytes = 256 << 20;

    /// <summary>The mount points in the kernel's order. A place where several are mounted on top of each other is there as many times.</summary>
    /// <exception cref="PosixException">/proc cannot be read.</exception>
    public static IReadOnlyList<MountPoint> Read() => Parse(PosixFile.ReadAllFollowing(BytePath.From("/proc/self/mountinfo"), MaxBytes));

    /// <summary>Reads the text of <c>/proc/PID/mountinfo</c> (proc_pid_mountinfo(5)).</summary>
    /// <exception cref="InvalidDataException">It is not such a text.</exception>
    public static IReadOnlyList<MountPoint> Parse(ReadOnlySpan<byte> text)
    {
        var mounts = new List<MountPoint>();
        foreach (Range range in text.Split((byte)'\n'))
            if (!text[range].IsEmpty) mounts.Add(ParseLine(text[range]));
        return mounts;
    }

    // id, parent, major:minor, root, mount point, options, any number of tags, "-", type, source, options of the file system
    private static MountPoint ParseLine(ReadOnlySpan<byte> line)
    {
        ReadOnlySpan<byte> path = default, type = default;
        int field = 0, separator = -1;
        foreach (Range range in line.Split((byte)' '))
        {
            if (field == 4) path = line[range];
            if (separator < 0 && field > 5 && line[range].SequenceEqual("-"u8)) separator = field;
            else if (separator >= 0 && field == separator + 1) type = line[range];
            field++;
        }
        if (path.IsEmpty || type.IsEmpty) throw new InvalidDataException($"a line of mountinfo cannot be read: {new BytePath(line)}");
        return new MountPoint(Unescape(path), new BytePath(type).ToString());
    }

    // Space, tab, line feed and backslash stand as three octal digits.
    private static BytePath Unescape(ReadOnlySpan<byte> text)
    {
        var bytes = new byte[text.Length];
        int length = 0;
        for (int at = 0; at < text.Length; at++)
        {
            bool isEscape = text[at] == '\\' && at + 3 < text.Length && !text.Slice(at + 1, 3).ContainsAnyExceptInRange((byte)'0', (byte)'7');
            bytes[length++] = isEscape ? (byte)(((text[at + 1] - '0') << 6) | ((text[at + 2] - '0') << 3) | (text[at + 3] - '0')) : text[at];
            if (isEscape) at += 3;
        }
        return new BytePath(bytes.AsSpan(0, length));
    }
}
