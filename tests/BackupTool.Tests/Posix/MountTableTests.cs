using BackupTool.Posix;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Posix;

public sealed class MountTableTests
{
    [Fact]
    public void Escaped_names_tags_and_bind_mounts_are_read()
    {
        IReadOnlyList<MountPoint> mounts = MountTable.Parse("""
            24 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
            25 24 254:0 /srv/a /mnt/with\040space\134and\011more ro,relatime master:2 propagate_from:1 - xfs - rw
            26 24 0:5 / /mnt/- rw - tmpfs none rw

            """u8);
        mounts.Should().Equal(new MountPoint(BytePath.From("/"), "ext4"), new MountPoint(BytePath.From("/mnt/with space\\and\tmore"), "xfs"), new MountPoint(BytePath.From("/mnt/-"), "tmpfs"));
        FluentActions.Invoking(() => MountTable.Parse("nonsense"u8)).Should().Throw<InvalidDataException>();
    }

    [Fact]
    public void What_is_mounted_now_is_there_under_the_name_that_it_has()
    {
        using var there = new TemporaryDirectory();
        BytePath odd = there.Path.Combine([(byte)' ', 0xff, (byte)'\\']);
        PosixDirectory.Current.CreateDirectory(odd);
        MountTable.Read().Should().NotContain(mount => mount.Path == odd);
        Tool.Shell($"cd '{there.Text}' && mount -t tmpfs none ./*");
        try
        {
            MountTable.Read().Should().Contain(new MountPoint(odd, "tmpfs"));
        }
        finally
        {
            Tool.Shell($"cd '{there.Text}' && umount ./*");
        }
    }
}
