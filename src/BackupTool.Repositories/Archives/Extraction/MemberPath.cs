using BackupTool.Posix;

namespace BackupTool.Repositories.Archives.Extraction;

/// <summary>A member's path taken apart: names only, no <c>.</c>, no <c>..</c>, no slashes. No names at all stand for the target itself.</summary>
internal readonly struct MemberPath
{
    private readonly BytePath[] _names;

    private MemberPath(BytePath[] names) => _names = names;

    internal bool IsTarget => _names.Length == 0;

    internal ReadOnlySpan<BytePath> Directories => _names.AsSpan(0, Math.Max(0, _names.Length - 1));

    internal ReadOnlySpan<BytePath> All => _names;

    internal BytePath Name => _names[^1];

    /// <summary>The names with slashes between them.</summary>
    internal BytePath Joined
    {
        get
        {
            BytePath joined = default;
            foreach (BytePath name in _names) joined = joined.Combine(name);
            return joined;
        }
    }

    /// <exception cref="UnsafeArchiveException">The path is absolute or climbs.</exception>
    internal static MemberPath Parse(BytePath path, BytePath member, string what)
    {
        if (path.IsAbsolute) throw new UnsafeArchiveException(member, $"{what} \"{path}\" is absolute");
        var names = new List<BytePath>();
        ReadOnlySpan<byte> bytes = path.Bytes;
        foreach (Range range in bytes.Split((byte)'/'))
        {
            ReadOnlySpan<byte> name = bytes[range];
            if (name.SequenceEqual(".."u8)) throw new UnsafeArchiveException(member, $"{what} \"{path}\" climbs with \"..\"");
            if (!name.IsEmpty && !name.SequenceEqual("."u8)) names.Add(new BytePath(name));
        }
        return new MemberPath([.. names]);
    }
}
