using System.Text;
using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using BackupTool.Tests.Repositories.Archives;

namespace BackupTool.Tests.Golden;

/// <summary>Freezes the lines of a catalog: other programs read them with awk.</summary>
public class CatalogGoldenTests
{
    private static readonly CatalogEntry File = new()
    {
        Path = BytePath.From("var/lib/maubot/bot.db"),
        Kind = FileKind.Regular,
        IsDatabase = true,
        Placement = Placement.Own,
        Mode = 0x1a0,
        Uid = 998,
        Gid = 997,
        UserName = "maubot",
        GroupName = "maubot",
        Size = 40_960,
        StoredSize = 40_960,
        HeaderBytes = 1536,
        ModifiedAt = new UnixTime(1_795_400_000, 1),
        ChangedAt = new UnixTime(1_795_400_000, 123_456_789),
        Device = (254UL << 32) | 1,
        Inode = 1_311_489,
        ContentKey = "c:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ChangeKey = "size 4096; wal none; journal none",
    };

    public static TheoryData<string, CatalogEntry> Lines => new()
    {
        {
            @"var/lib/maubot/bot.db|f|S|640|998|997|maubot|maubot|40960|40960|1536|1795400000.000000001|1795400000.123456789|fe00000001.1311489|c:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad|-|size\x204096;\x20wal\x20none;\x20journal\x20none",
            File
        },
        {
            @"etc/a\x20b\x5cc\x09d\x7f|l|b|777|0|0|root|-|0|0|512|-1.999999999|-|1.2|-|\x2d|-",
            new CatalogEntry
            {
                Path = BytePath.From("etc/a b\\c\td\u007f"), Kind = FileKind.SymbolicLink, Placement = Placement.Bundled, Mode = 0x1ff, Uid = 0, Gid = 0, UserName = "root", GroupName = "",
                Size = 0, StoredSize = 0, HeaderBytes = 512, ModifiedAt = new UnixTime(-1, 999_999_999), ChangedAt = null, Device = 1, Inode = 2, ContentKey = "", LinkTarget = BytePath.From("-"),
            }
        },
        {
            "dev/null|c|B|666|4294967295|0|-|-|0|0|512|0.000000000|0.000000000|0.18446744073709551615|-|1,3|-",
            new CatalogEntry
            {
                Path = BytePath.From("dev/null"), Kind = FileKind.CharacterDevice, Placement = Placement.BundleStart, Mode = 0x1b6, Uid = uint.MaxValue, Gid = 0, UserName = "", GroupName = "",
                Size = 0, StoredSize = 0, HeaderBytes = 512, ModifiedAt = default, ChangedAt = new UnixTime(0, 0), Device = 0, Inode = ulong.MaxValue, ContentKey = "", DeviceMajor = 1, DeviceMinor = 3,
            }
        },
        {
            "srv/b|h|b|4755|1|2|u|g|0|0|512|1.000000000|2.000000000|a.1|-|srv/a|-",
            new CatalogEntry
            {
                Path = BytePath.From("srv/b"), Kind = FileKind.Regular, IsHardLink = true, Placement = Placement.Bundled, Mode = 0x9ed, Uid = 1, Gid = 2, UserName = "u", GroupName = "g",
                Size = 0, StoredSize = 0, HeaderBytes = 512, ModifiedAt = new UnixTime(1, 0), ChangedAt = new UnixTime(2, 0), Device = 10, Inode = 1, ContentKey = "", LinkTarget = BytePath.From("srv/a"),
            }
        },
    };

    [Theory]
    [MemberData(nameof(Lines))]
    public void A_line_is_written_and_read_like_this(string line, CatalogEntry entry)
    {
        string written = Encoding.Latin1.GetString(CatalogFormatTests.Line(entry));
        written.Should().Be(line.Replace('|', '\t') + "\n");
        CatalogFormat.ParseLine(Encoding.Latin1.GetBytes(line.Replace('|', '\t'))).Should().Be(entry);
    }

    [Fact]
    public void Bytes_that_are_not_ascii_stand_as_they_are() =>
        CatalogFormatTests.Line(File with { Path = new BytePath([0xff, 0x80, .. "é"u8]) }).AsSpan(0, 5).ToArray().Should().Equal(0xff, 0x80, 0xc3, 0xa9, (byte)'\t');
}
