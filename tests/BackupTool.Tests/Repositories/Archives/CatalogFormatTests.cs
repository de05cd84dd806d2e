using System.Buffers;
using System.Text;
using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using CsCheck;

namespace BackupTool.Tests.Repositories.Archives;

public class CatalogFormatTests
{
    private static readonly Gen<BytePath> Name = Gen.OneOf(
        Gen.Byte[1, 255].Array[1, 40], Gen.OneOf(@"ab\x- ./".Select(c => (byte)c).ToArray()).Array[1, 12], Gen.Const("-"u8.ToArray())).Select(bytes => new BytePath(bytes));

    private static readonly Gen<string> Account = Gen.OneOf(Gen.Const(""), Gen.Const("-"), Gen.Char["abz-_ \\\tß名"].Array[1, 12].Select(c => new string(c)));

    private static readonly Gen<UnixTime> Time = Gen.Select(Gen.Long[-100_000_000_000, 100_000_000_000], Gen.Int[0, 999_999_999], (s, n) => new UnixTime(s, n));

    private static readonly Gen<CatalogEntry> Entry = Gen.Select(
        Gen.Select(Name, Gen.OneOf(FileKind.Regular, FileKind.Directory, FileKind.SymbolicLink, FileKind.CharacterDevice, FileKind.BlockDevice, FileKind.Fifo), Gen.Int[0, 2], Gen.Enum<Placement>(), Name),
        Gen.Select(Gen.UInt[0, 0xfff], Gen.UInt, Gen.UInt, Account, Account),
        Gen.Select(Gen.Long[0, long.MaxValue / 4], Gen.Long[0, long.MaxValue / 4], Gen.Int[0, int.MaxValue], Time, Time.Nullable()),
        Gen.Select(Gen.ULong, Gen.ULong, Gen.OneOf("", $"s:{new string('0', 64)}", $"h:{new string('f', 64)}"), Gen.UInt, Gen.UInt, Account),
        (what, whose, sizes, where) => new CatalogEntry
        {
            Path = what.Item1,
            Kind = what.Item2,
            IsHardLink = what is { Item2: FileKind.Regular, Item3: 1 },
            IsDatabase = what is { Item2: FileKind.Regular, Item3: 2, Item4: Placement.Own },
            Placement = what.Item4,
            LinkTarget = what.Item2 == FileKind.SymbolicLink || what is { Item2: FileKind.Regular, Item3: 1 } ? what.Item5 : default,
            Mode = whose.Item1,
            Uid = whose.Item2,
            Gid = whose.Item3,
            UserName = whose.Item4,
            GroupName = whose.Item5,
            Size = sizes.Item1,
            StoredSize = sizes.Item2,
            HeaderBytes = sizes.Item3,
            ModifiedAt = sizes.Item4,
            ChangedAt = sizes.Item5,
            Device = where.Item1,
            Inode = where.Item2,
            ContentKey = where.Item3,
            DeviceMajor = what.Item2 is FileKind.CharacterDevice or FileKind.BlockDevice ? where.Item4 : 0,
            DeviceMinor = what.Item2 is FileKind.CharacterDevice or FileKind.BlockDevice ? where.Item5 : 0,
            ChangeKey = where.Item6,
        });

    [Fact]
    public void Any_entry_comes_back_as_it_was_written() => Entry.Sample(
        entry =>
        {
            byte[] line = Line(entry);
            line.AsSpan(..^1).IndexOfAnyInRange((byte)0, (byte)8).Should().Be(-1);
            line.AsSpan(..^1).IndexOfAnyInRange((byte)10, (byte)32).Should().Be(-1, "awk splits it at tabs, and people read it");
            line.Count(b => b == '\t').Should().Be(16);
            line[^1].Should().Be((byte)'\n');
            CatalogFormat.ParseLine(line.AsSpan(..^1)).Should().Be(entry);
        },
        iter: 10_000, threads: 2);

    [Fact]
    public void A_damaged_line_is_an_entry_or_an_error_and_nothing_else() => Gen.Select(Entry, Gen.Int[0, 4], Gen.Int, Gen.Byte).Sample(
        (entry, how, position, value) =>
        {
            byte[] line = Line(entry)[..^1];
            int at = (int)((uint)position % line.Length);
            line = how switch
            {
                0 => [.. line.AsSpan(..at), value, .. line.AsSpan((at + 1)..)],
                1 => [.. line.AsSpan(..at), .. line.AsSpan((at + 1)..)],
                2 => line[..at],
                3 => [.. line.AsSpan(..at), (byte)'\\', .. line.AsSpan(at..)],
                _ => Encoding.ASCII.GetBytes(string.Join('\t', Encoding.Latin1.GetString(line).Split('\t').Select((c, i) => i == at % 17 ? "" : c))),
            };
            try
            {
                CatalogFormat.ParseLine(line);
            }
            catch (InvalidDataException e)
            {
                e.Message.Should().Contain("catalog");
            }
        },
        iter: 20_000, threads: 2);

    [Theory]
    [InlineData("")]
    [InlineData("\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t")]
    [InlineData("a\tf\tB\t644\t0\t0\troot\troot\t1\t1\t512\t0.000000000\t-\t0.1\t-\t-\t-\textra")]
    [InlineData("a\tx\tB\t644\t0\t0\troot\troot\t1\t1\t512\t0.000000000\t-\t0.1\t-\t-\t-")]
    [InlineData("a\tf\tx\t644\t0\t0\troot\troot\t1\t1\t512\t0.000000000\t-\t0.1\t-\t-\t-")]
    [InlineData("a\tf\tB\t648\t0\t0\troot\troot\t1\t1\t512\t0.000000000\t-\t0.1\t-\t-\t-")]
    [InlineData("a\tf\tB\t644\t-1\t0\troot\troot\t1\t1\t512\t0.000000000\t-\t0.1\t-\t-\t-")]
    [InlineData("a\tf\tB\t644\t0\t0\troot\troot\t-1\t1\t512\t0.000000000\t-\t0.1\t-\t-\t-")]
    [InlineData("a\tf\tB\t644\t0\t0\troot\troot\t1\t-1\t512\t0.000000000\t-\t0.1\t-\t-\t-")]
    [InlineData("a\tf\tB\t644\t0\t0\troot\troot\t1\t1\t-512\t0.000000000\t-\t0.1\t-\t-\t-")]
    [InlineData("a\tf\tB\t644\t0\t0\troot\troot\t1\t1\t512\t0.-00000001\t-\t0.1\t-\t-\t-")]
    [InlineData("a\tf\tB\t644\t0\t0\troot\troot\t1\t1\t512\t0.0\t-\t0.1\t-\t-\t-")]
    [InlineData("a\tf\tB\t644\t0\t0\troot\troot\t1\t1\t512\t0.000000000\t-\t01\t-\t-\t-")]
    [InlineData("a\tc\tB\t644\t0\t0\troot\troot\t0\t0\t512\t0.000000000\t-\t0.1\t-\t1\t-")]
    [InlineData("a\\y41\tf\tB\t644\t0\t0\troot\troot\t1\t1\t512\t0.000000000\t-\t0.1\t-\t-\t-")]
    [InlineData("a\\x00\tf\tB\t644\t0\t0\troot\troot\t1\t1\t512\t0.000000000\t-\t0.1\t-\t-\t-")]
    [InlineData("-\tf\tB\t644\t0\t0\troot\troot\t1\t1\t512\t0.000000000\t-\t0.1\t-\t-\t-")]
    public void Malformed_lines_are_refused(string line) =>
        FluentActions.Invoking(() => CatalogFormat.ParseLine(Encoding.ASCII.GetBytes(line))).Should().Throw<InvalidDataException>();

    internal static byte[] Line(CatalogEntry entry)
    {
        var output = new ArrayBufferWriter<byte>();
        CatalogFormat.AppendLine(output, entry);
        return output.WrittenSpan.ToArray();
    }
}
